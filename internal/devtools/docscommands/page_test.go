package docscommands

import (
	"strings"
	"testing"
	"time"
)

const page = "# Page\n<!-- prepare: start -->\n```console\n$ a \\\n    b\nprinted\n$ c\n```\n## Next\n```sql service=standby\nSELECT 1;\n```\n```text\n 1\n```\n" +
	"<!-- not run: it is loud -->\n```console\n$ reboot\n```\n```json\n{}\n```\n"

func TestRead(t *testing.T) {
	t.Parallel()
	steps, err := parse(strings.Split(page, "\n"))
	if err != nil || len(steps) != 4 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	if steps[0].Prepare != "start" || steps[0].Section != "Page" {
		t.Errorf("the mark: %+v", steps[0])
	}
	commands, err := steps[1].Commands()
	if err != nil || len(commands) != 2 || commands[0].Text != "a \\\n    b" || commands[0].Output[0] != "printed" || commands[1].Output != nil {
		t.Errorf("the commands: %+v, %v", commands, err)
	}
	if s := steps[2]; s.Service != "standby" || !s.Shown || s.Output[0] != " 1" || s.Section != "Next" {
		t.Errorf("the statement: %+v", s)
	}
	if steps[3].NotRun != "it is loud" {
		t.Errorf("the mark of what is left out: %+v", steps[3])
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an open fence":              "```sql\nSELECT 1;",
		"output without a command":   "```console\nprinted\n```",
		"a mark that leaves nothing": "<!-- not run: why -->\nwords\n",
	} {
		if _, err := parse(strings.Split(text, "\n")); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, printed string
		same           bool
	}{
		{"a\nb", "a \nb\n\n", true},
		{"a\nb", "a", false},
		{"a", "a\nb", false},
		{"at … o'clock", "at   12:30 o'clock", true},
		{"at … o'clock", "at 12:30", false},
		{"  a  | b\n----+---", "a | b\n---------+----------", true},
		{"a-b", "a--b", false},
		{"a\n…\nz", "a\nb\nc\nz", true},
		{"a\n…\nz", "a\nz", true},
		{"a\n…\nz", "a\nb", false},
		{"(1 row)", "(2 rows)", false},
	} {
		if wrong := Mismatch(strings.Split(c.shown, "\n"), strings.Split(c.printed, "\n")); (wrong == "") != c.same {
			t.Errorf("%q and %q: %q", c.shown, c.printed, wrong)
		}
	}
}

// What one command leaves, the next one finds; what fails stops the page and names its line.
func TestShell(t *testing.T) {
	t.Parallel()
	prepared := 0
	s := &Shell{Dir: t.TempDir(), Env: []string{"PATH=/usr/bin:/bin"}, Prepare: map[string]func(){"it": func() { prepared++ }}}
	t.Cleanup(s.Close)
	run := func(text string) error {
		steps, err := parse(strings.Split(text, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Run(t.Context(), steps)
	}
	if err := run("<!-- prepare: it -->\n```console\n$ mkdir x && cd x\n$ export WORD=well\n$ sleep 600 &\n$ echo $WORD in ${PWD##*/}\nwell in x\n```"); err != nil {
		t.Error(err)
	}
	if prepared != 1 {
		t.Errorf("prepared %d times", prepared)
	}
	for text, want := range map[string]string{
		"\n```console\n$ false\n```":            "line 2 ()",
		"```console\n$ echo a\nb\n```":          "printed was",
		"<!-- prepare: other -->":               `knows no "other"`,
		"```console\n$ false | cat\n```":        "exit status 1",
		"```console\n$ echo $NEVER_SET\n```":    "unbound",
		"```sql service=none\nSELECT 1;\n```\n": "line 1",
	} {
		if err := run(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("what ran in the background took %s to end", took)
	}
}
