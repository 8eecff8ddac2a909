package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// A command as pages write it: in backticks, behind a prompt, or at the start of a line of a block.
var shownCommand = regexp.MustCompile("(?m)(?:`|^ *\\$ (?:[A-Z_]+=\\S+ )*|^sudo |^)sespan((?: [^`\n]*)?)")

// faultOfMention looks words that follow "sespan" up in the grammar: each word until the
// first flag or value is a command, and each flag one of it. "" is no fault.
func faultOfMention(app *kong.Application, text string) string {
	text, _, _ = strings.Cut(text, "#")
	at, flags := app.Node, app.Flags
	for _, word := range strings.Fields(text) {
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
			name, _, _ = strings.Cut(strings.TrimRight(name, ",.;:|)]'"), "=")
			if name != "" && name != "help" && !slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == name }) {
				return fmt.Sprintf("%s has no --%s", at.Name, name)
			}
			continue
		}
		if at.Leaf() {
			continue
		}
		i := slices.IndexFunc(at.Children, func(n *kong.Node) bool { return n.Name == word })
		switch {
		case i >= 0:
			at = at.Children[i]
			flags = slices.Concat(flags, at.Flags)
		case regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(word):
			return fmt.Sprintf("%s has no command %s", at.Name, word)
		default:
			return "" // "sespan mail …"
		}
	}
	return ""
}

func grammar(tb testing.TB) *kong.Application {
	tb.Helper()
	parser, err := kong.New(&CLI{}, kong.Name("sespan"), kong.Vars{"version": "test"})
	if err != nil {
		tb.Fatal(err)
	}
	return parser.Model
}

// Whatever page a reader copies a command from, the program knows the command and its flags.
func TestCommandsOfPages(t *testing.T) {
	t.Parallel()
	app, looked := grammar(t), 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && name != filepath.Join(root, "docs") && name != filepath.Join(root, "docs/runbooks") && !strings.HasPrefix(name, filepath.Join(root, "django_bridge")),
			entry.IsDir() && entry.Name() == "node_modules":
			return filepath.SkipDir
		case filepath.Ext(name) != ".md":
			return nil
		}
		page, err := os.ReadFile(name)
		for _, m := range shownCommand.FindAllStringSubmatch(strings.ReplaceAll(string(page), "\\\n", " "), -1) {
			looked++
			if fault := faultOfMention(app, m[1]); fault != "" {
				t.Errorf("%s: sespan%s: %s", name, m[1], fault)
			}
		}
		return err
	})
	if err != nil || looked < 250 {
		t.Errorf("%d commands were looked up, %v", looked, err)
	}
}

func TestFaultOfMention(t *testing.T) {
	t.Parallel()
	app := grammar(t)
	for text, right := range map[string]bool{
		" mail why 4711": true, " mail …": true, " serve --run mail,maintenance &": true, " mail suppress, `unsuppress`": true, "": true,
		" doctor --env-file sespan.env # --loud": true, " migrate up --no-roles --role-prefix shop2_ > grants.sql": true,
		" doctor --loud": false, " mail whence": false, " migrate sideways": false, " start": false, " keys create --env-file=x --rolle service": false,
	} {
		if fault := faultOfMention(app, text); (fault == "") != right {
			t.Errorf("%q: %q", text, fault)
		}
	}
}
