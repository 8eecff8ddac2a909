package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Setting is one setting of a command, as it counts.
type Setting struct {
	Variable string `json:"variable"`
	Flag     string `json:"flag"`
	Value    string `json:"value"` // of a secret: "set", or "" for none
	Secret   bool   `json:"secret"`
	From     string `json:"from"` // flag, environment, the name of a file, default
}

// Effective lists the settings of the command that was parsed, in the order of its
// --help. The value of a secret is never in it.
func Effective(parsed *kong.Context) []Setting {
	file := envFileOf(parsed)
	var settings []Setting
	flags := flagsOf(parsed)
	for _, f := range flags {
		if len(f.Envs) == 0 || secretOf(flags, f) != nil {
			continue
		}
		s := Setting{Variable: f.Envs[0], Flag: "--" + f.Name, Value: text(f), Secret: Secret(f), From: origin(parsed, f, file)}
		if s.Secret {
			s = hide(s, fileOf(flags, f))
		}
		settings = append(settings, s)
	}
	return settings
}

// Secret tells whether a flag's value must not be shown.
func Secret(f *kong.Flag) bool { return f.Tag.Has("secret") }

// hide keeps of a secret that it is set, and where.
func hide(s Setting, inFile *kong.Flag) Setting {
	if path := text(inFile); path != "" {
		s.Value, s.From = "set", path
		return s
	}
	if s.Value != "" {
		s.Value = "set"
	}
	return s
}

// SecretFiles gives the files that hold secrets by the variable or flag that names them.
func SecretFiles(parsed *kong.Context) map[string]string {
	files := map[string]string{}
	flags := flagsOf(parsed)
	for _, f := range flags {
		if secretOf(flags, f) != nil && text(f) != "" {
			files[f.Envs[0]] = text(f)
		}
		if f.Name == "env-file" && text(f) != "" {
			files["--env-file"] = text(f)
		}
	}
	return files
}

// Unknown gives the variables that begin with SESPAN_, in the environment or the file of
// settings, which no command reads: a name that is spelled wrongly sets nothing.
func Unknown(parsed *kong.Context) []string {
	known := map[string]bool{}
	for _, leaf := range parsed.Model.Leaves(false) {
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				for _, name := range f.Envs {
					known[name] = true
				}
			}
		}
	}
	there := envFileOf(parsed)
	var unknown []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "SESPAN_") && !known[name] && !foreign(name) {
			unknown = append(unknown, name)
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "SESPAN_") && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return slices.Compact(unknown)
}

// foreign are variables of the project's own tools, which stand in a developer's shell.
func foreign(name string) bool {
	return slices.ContainsFunc([]string{"SESPAN_TEST_", "SESPAN_BENCH_", "SESPAN_DEMO_", "SESPAN_BIN"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

func flagsOf(parsed *kong.Context) []*kong.Flag {
	var flags []*kong.Flag
	for _, group := range parsed.Selected().AllFlags(false) {
		flags = append(flags, group...)
	}
	return flags
}

// secretOf gives the secret that the file of a flag …-file holds, nil for other flags.
func secretOf(flags []*kong.Flag, f *kong.Flag) *kong.Flag {
	name, is := strings.CutSuffix(f.Name, "-file")
	i := slices.IndexFunc(flags, func(o *kong.Flag) bool { return o.Name == name && Secret(o) })
	if !is || i < 0 {
		return nil
	}
	return flags[i]
}

// fileOf gives the flag that names the file of a secret, nil where there is none.
func fileOf(flags []*kong.Flag, secret *kong.Flag) *kong.Flag {
	i := slices.IndexFunc(flags, func(o *kong.Flag) bool { return o.Name == secret.Name+"-file" })
	if i < 0 {
		return nil
	}
	return flags[i]
}

func envFileOf(parsed *kong.Context) map[string]string {
	for _, f := range flagsOf(parsed) {
		if path, ok := f.Target.Interface().(EnvFile); ok && path != "" {
			values, _ := path.Read() // a file that cannot be read has ended the parsing
			return values
		}
	}
	return nil
}

// origin says where a value came from. The order is that in which they win.
func origin(parsed *kong.Context, f *kong.Flag, file map[string]string) string {
	if slices.ContainsFunc(parsed.Path, func(p *kong.Path) bool { return p.Flag == f && !p.Resolved }) {
		return "flag"
	}
	for _, name := range f.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return "environment"
		}
	}
	for _, name := range f.Envs {
		if _, ok := file[name]; ok {
			return "env file"
		}
	}
	return "default"
}

// text gives a value as it would be written.
func text(f *kong.Flag) string {
	if f == nil {
		return ""
	}
	v := f.Target
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v.Interface())
}
