package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// EnvFile is the flag --env-file: a file of settings as `sespan init --env-file`
// writes it, one VARIABLE="value" a line, which systemd, compose and a shell read
// alike. A flag and a variable of the environment win over the file.
type EnvFile string

// BeforeResolve makes the file's values the defaults of the flags.
func (EnvFile) BeforeResolve(_ *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(EnvFile)
	values, err := path.Read()
	if err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, ok := os.LookupEnv(name); ok {
				return nil, nil //nolint:nilnil // kong's way to say: none
			}
			if value, ok := values[name]; ok {
				return beside(string(path), flag, value), nil
			}
		}
		return nil, nil //nolint:nilnil // kong's way to say: none
	}))
	return nil
}

// beside gives the files that a setting names from the folder of the file of settings,
// wherever the command was started: it moves together with them.
func beside(settings string, flag *kong.Flag, value string) string {
	if !strings.HasPrefix(flag.PlaceHolder, "FILE") && !strings.HasPrefix(flag.PlaceHolder, "FOLDER") || value == "" {
		return value
	}
	names := []string{value}
	if strings.HasSuffix(flag.PlaceHolder, ",…") {
		names = strings.Split(value, ",")
	}
	for i, name := range names {
		name = strings.TrimSpace(name)
		if !strings.Contains(name, "://") && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(settings), name)
		}
		names[i] = name
	}
	return strings.Join(names, ",")
}

var assignment = regexp.MustCompile(`^(?:export\s+)?([A-Z_][A-Z0-9_]*)=(.*)$`)

// Read gives the settings of the file by their names.
func (f EnvFile) Read() (map[string]string, error) {
	path := string(f)
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, invalid("--env-file", "cannot be read: "+err.Error(), "name the file that sespan init --env-file has written")
	}
	values := map[string]string{}
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found := assignment.FindStringSubmatch(line)
		value, ok := "", false
		if found != nil {
			value, ok = unquote(strings.TrimSpace(found[2]))
		}
		if !ok { // never the line itself: it may hold a secret
			return nil, invalid("--env-file", fmt.Sprintf("%s: line %d is no setting", path, i+1), `write VARIABLE="value"`)
		}
		values[found[1]] = value
	}
	return values, nil
}

// unquote reads a value as a shell would, as far as settings need it.
func unquote(text string) (value string, ok bool) {
	switch {
	case text == "":
		return "", true
	case text[0] == '\'':
		inner, found := strings.CutSuffix(text[1:], "'")
		return inner, found && !strings.Contains(inner, "'")
	case text[0] == '"':
		inner, found := strings.CutSuffix(text[1:], `"`)
		return inner, found && !strings.ContainsAny(inner, "\"\\`$")
	}
	return text, !strings.ContainsAny(text, "\"'\\`$ \t")
}

// Quote writes a value for such a file; false when a shell, systemd and compose
// would not all read the same.
func Quote(value string) (quoted string, ok bool) {
	switch {
	case strings.ContainsAny(value, "\n\r\x00"):
		return "", false
	case !strings.ContainsAny(value, "\"\\`$"):
		return `"` + value + `"`, true
	case !strings.Contains(value, "'"):
		return "'" + value + "'", true
	}
	return "", false
}
