package cli

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func parse(args ...string) (*Command, error) {
	return Parse(args, IO{Out: io.Discard, Err: io.Discard, Version: "test", Exit: func(int) {}})
}

// command runs one command line and gives its standard output, its standard error
// and its failure.
func command(t *testing.T, args ...string) (out, messages string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	parsed, err := Parse(args, IO{Out: &stdout, Err: &stderr, Version: "test", Exit: func(int) { t.Error("kong wanted to exit") }})
	if err != nil {
		t.Fatal(err)
	}
	err = parsed.Run(t.Context())
	return stdout.String(), stderr.String(), err
}

func mustCommand(t *testing.T, args ...string) (out string) {
	t.Helper()
	out, messages, err := command(t, args...)
	if err != nil {
		t.Fatalf("sespan %s: %v\n%s", strings.Join(args, " "), err, messages)
	}
	return out
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"nonsense"},
		{"serve", "more"},
		{"serve", "--nonsense"},
		{"keys", "create"},
		{"keys", "create", "--role=root", "--name=x"},
		{"keys", "revoke"},
		{"migrate"},
		{"migrate", "down", "--steps=x"},
		{"demo"}, // a program of its own
	} {
		_, err := parse(args...)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v gives %v, want a line", args, err)
		}
	}
}

// What people write wrongly is said in their words.
func TestWrongMailCommandLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"mail list --limit=few", `--limit must be a whole number, not "few"`},
		{"mail list --limit", "--limit has no value"},
		{"mail list --state", "--state has no value"},
		{"mail list --state=", `--state must be one of "any","queued"`},
		{"mail why first", `<id> must be a whole number, not "first"`},
		{"mail why", `expected "<id>"`},
		{"mail cancel 1 two", `must be a whole number, not "two"`},
		{"mail cancel --state=", `--state must be one of "any","queued"`}, // not: all mails
		{"mail cancel --state=sent", `--state must be one of "any","queued"`},
		{"mail suppress a@b.co --for=5d", "--for: expected duration"},
		{"mail suppress a@b.co --scope=some", `--scope must be one of "all"`},
		{"mail nonsense", "unexpected argument nonsense"},
	} {
		_, err := parse(strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s gives %v, want %q", c.args, err, c.want)
		}
	}
}
