package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	folder := flag.String("folder", "grafana/dashboards", "where the dashboards are")
	rules := flag.String("rules", "grafana/prometheus", "where the alerts are, whose runbooks the panels link to")
	list := flag.Bool("list", false, "print dashboard, panel and title instead of writing")
	types := flag.Bool("types", false, "print the files as TypeScript literals instead of writing")
	flag.Parse()
	if err := run(os.Stdout, *folder, *rules, *list, *types); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func boards() []board {
	return []board{overview(), codes(), transactions(), mailQueue(), api()}
}

func run(out io.Writer, folder, rules string, list, types bool) error {
	switch {
	case list:
		printList(out)
		return nil
	case types:
		return printTypes(out, folder)
	}
	alerts, err := readRunbooks(rules)
	if err != nil {
		return err
	}
	if missing := alerts.missing(boards()); missing != nil {
		return fmt.Errorf("alerts lead to panels that are not there: %v", missing)
	}
	for _, b := range boards() {
		text, err := b.json(alerts)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, b.file()), text, 0o644); err != nil { //nolint:gosec // committed, for everybody
			return err
		}
	}
	return nil
}

func printList(out io.Writer) {
	for _, b := range boards() {
		for _, r := range b.rows {
			for _, p := range r.panels {
				fmt.Fprintf(out, "%s\t%d\t%s\n", b.uid(), p.id, p.title)
			}
		}
	}
}

func (b board) json(of runbooks) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(b.build(of))
	return text.Bytes(), err
}
