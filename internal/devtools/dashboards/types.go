package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// printTypes prints the committed dashboards as literals of Grafana's types: the compiler
// compares each property with typescript/grafana.ts.
func printTypes(out io.Writer, folder string) error {
	fmt.Fprintln(out, "import type { Dashboard } from './grafana';")
	for _, b := range boards() {
		text, err := os.ReadFile(filepath.Join(folder, b.file())) //nolint:gosec // the developer names the folder
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\nexport const %s: Dashboard = %s;\n", strings.ReplaceAll(b.name, "-", "_"), strings.TrimSpace(string(text)))
	}
	return nil
}
