package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestMigrateDownAsksTwice(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	at := "--database-url=" + db.URL
	mustCommand(t, "migrate", "up", "--no-roles", at)
	for _, args := range [][]string{{"--steps=1"}, {"--steps=0", "--force"}, {"--steps=-1", "--force"}} {
		if _, _, err := command(t, append([]string{"migrate", "down", "--no-roles", at}, args...)...); err == nil || !strings.HasPrefix(err.Error(), "--") {
			t.Errorf("migrate down %v: %v, want the flag to correct", args, err)
		}
	}
	if out := mustCommand(t, "migrate", "status", at); strings.Contains(out, "pending") {
		t.Errorf("something was taken back:\n%s", out)
	}
	mustCommand(t, "migrate", "down", "--no-roles", at, "--steps=1", "--force")
	if out := mustCommand(t, "migrate", "status", at); strings.Count(out, "pending") != 1 {
		t.Errorf("one migration was to be taken back:\n%s", out)
	}
}
