package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sespan/internal/devtools/docscommands"
)

// What the page tells the clerk to type works, and prints what the page shows.
func TestCustomerHelpCommandsOfThePage(t *testing.T) {
	t.Parallel()
	steps, err := docscommands.Read(filepath.Join(root, "docs", "django-operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps = slices.DeleteFunc(steps, func(s docscommands.Step) bool { return s.Section != "A customer who gets no mail" })
	if len(steps) != 1 {
		t.Fatalf("%d steps, want one", len(steps))
	}
	commands, err := steps[0].Commands()
	if err != nil || len(commands) != 3 {
		t.Fatalf("%d commands, %v", len(commands), err)
	}
	_, at := newStuckCustomer(t)
	for _, c := range commands {
		args := strings.Fields(c.Text)[1:]
		out := mustCommand(t, slices.Insert(args, 1, at)...)
		if fault := docscommands.Mismatch(c.Output, strings.Split(strings.TrimSuffix(out, "\n"), "\n")); fault != "" {
			t.Errorf("%s: %s", c.Text, fault)
		}
	}
}
