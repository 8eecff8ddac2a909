package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"sespan/internal/cli"
	"sespan/internal/config"
)

//go:embed head.md
var head string

func main() {
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

// write writes the page.
func write(w io.Writer) error {
	parser, err := kong.New(&cli.CLI{}, kong.Name("sespan"), kong.Vars{"version": ""})
	if err != nil {
		return err
	}
	settings := collect(parser.Model)
	fmt.Fprint(w, head)
	for _, group := range groups(settings) {
		fmt.Fprintf(w, "\n## %s\n\n| variable, flag | default | meaning | read by |\n|---|---|---|---|\n", group)
		for _, s := range settings {
			if s.group == group {
				fmt.Fprintln(w, s.row())
			}
		}
	}
	return nil
}

// setting is a variable that at least one command reads.
type setting struct {
	*kong.Flag
	group, file string // file: the variable that names the file of a secret
	commands    []string
}

// otherGroup is of settings that serve does not read.
const otherGroup = "Other commands"

// collect gives the settings of all commands, serve's first and in its order.
func collect(model *kong.Application) []*setting {
	leaves := model.Leaves(false)
	slices.SortStableFunc(leaves, func(a, b *kong.Node) int { return rank(a) - rank(b) })
	var all []*setting
	byName := map[string]*setting{}
	for _, leaf := range leaves {
		flags := slices.Concat(leaf.AllFlags(false)...)
		for _, f := range flags {
			if len(f.Envs) == 0 {
				continue
			}
			s, known := byName[f.Envs[0]]
			if !known {
				s = &setting{Flag: f, group: groupOf(leaf, f)}
				byName[f.Envs[0]] = s
				all = append(all, s)
			}
			s.commands = append(s.commands, commandOf(leaf))
		}
	}
	return withoutFiles(all, byName)
}

// withoutFiles takes the variables …_FILE of secrets into the rows of these.
func withoutFiles(all []*setting, byName map[string]*setting) []*setting {
	return slices.DeleteFunc(all, func(s *setting) bool {
		name, is := strings.CutSuffix(s.Envs[0], "_FILE")
		secret := byName[name]
		if !is || secret == nil || !config.Secret(secret.Flag) {
			return false
		}
		secret.file = s.Envs[0]
		return true
	})
}

func rank(leaf *kong.Node) int {
	if leaf.Name == "serve" {
		return 0
	}
	return 1
}

func groupOf(leaf *kong.Node, f *kong.Flag) string {
	if leaf.Name != "serve" {
		return otherGroup
	}
	if f.Group == nil {
		return "Process"
	}
	return f.Group.Key
}

// commandOf names the command of the first level: its parts read the same.
func commandOf(leaf *kong.Node) string {
	return strings.Fields(strings.TrimPrefix(leaf.FullPath(), "sespan"))[0]
}

// groups gives the groups in the order of their first setting, the others at the end.
func groups(settings []*setting) []string {
	last := []string{"Process", otherGroup}
	var names []string
	for _, s := range settings {
		if !slices.Contains(slices.Concat(names, last), s.group) {
			names = append(names, s.group)
		}
	}
	return append(names, last...)
}

// row is the setting's line in the table.
func (s *setting) row() string {
	meaning := s.Help
	if config.Secret(s.Flag) {
		meaning += " **Secret**"
		if s.file != "" {
			meaning += "; or in the file that `" + s.file + "` names"
		}
		meaning += "."
	}
	value := "–"
	switch needed := s.Tag.Get("needed"); {
	case needed == "always":
		value = "required"
	case needed != "":
		value = "required for " + needed
	case s.HasDefault:
		value = "`" + s.Default + "`"
	}
	return fmt.Sprintf("| `%s`<br>`--%s` | %s | %s | %s |", s.Envs[0], s.Name, value, strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(meaning), s.readBy())
}

// readBy lists the commands; those that read all that serve reads go without saying.
func (s *setting) readBy() string {
	names := slices.Compact(slices.Sorted(slices.Values(s.commands)))
	if slices.Contains(names, "serve") {
		names = slices.DeleteFunc(names, func(n string) bool { return n == "doctor" || n == "config" })
	}
	if len(names) > 5 {
		return "most commands"
	}
	return strings.Join(names, ", ")
}
