package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// Whatever one starts says in one line that the schema is of a build that was
// never released, and what to drop. (unbind goes on: it lets the site's table go.)
func TestUnreleasedSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "DROP TABLE sespan.schema_migration; UPDATE sespan.schema_version SET version = 19")
	at, secret := "--database-url="+db.URL, "--secret-keys=1:"+strings.Repeat("A", 43)+"="
	for name, args := range map[string][]string{
		"up":     {"migrate", "up", "--no-roles", at},
		"down":   {"migrate", "down", "--no-roles", at, "--steps=1", "--force"},
		"status": {"migrate", "status", at},
		"init":   {"init", "--no-roles", "--dsn=" + db.URL, "--table=public.auth_user"},
		"serve":  {"serve", "--run=maintenance", "--admin-addr=127.0.0.1:0", secret, at},
		"doctor": {"doctor", secret, at},
		"bind":   {"bind-customers", at},
		"keys":   {"keys", "create", "--role=service", "--name=x", at},
		"mail":   {"mail", "cancel", "1", at},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, messages, err := command(t, args...)
			if err == nil {
				t.Fatalf("no failure:\n%s%s", out, messages)
			}
			line := err.Error()
			if name == "doctor" { // its failure counts the lines above it
				line = lineWith(out+messages, "never released")
			}
			if !strings.Contains(line, "made by a build that was never released") || !strings.Contains(line, "DROP SCHEMA sespan CASCADE") ||
				!strings.Contains(line, ".demo") || strings.Contains(line, "\n") {
				t.Errorf("%q", line)
			}
		})
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.TrimSuffix(line, "\n")
		}
	}
	return ""
}
