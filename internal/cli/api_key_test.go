package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestKeysCommands(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	dsn := "--database-url=" + db.URL
	key := strings.TrimSpace(mustCommand(t, "keys", "create", "--role=report", "--name=books", "--expires=720h", dsn))
	id := key[3:15]
	next, told, err := command(t, "keys", "rotate", id, "--overlap=1h", dsn)
	if err != nil || !strings.HasPrefix(next, "sk_") || strings.Count(next, "\n") != 1 || !strings.Contains(told, "in the place of "+id+", which ends in 1h") {
		t.Fatalf("rotate: %q %q %v", next, told, err)
	}
	for _, args := range [][]string{
		{"rotate", id},                             // was rotated
		{"rotate", "zzzzzzzzzzzz"},                 // unknown
		{"rotate", "nonsense"},                     // no id
		{"rotate", next[3:15], "--overlap=25h"},    // too long
		{"rotate", next[3:15], "--overlap=-1s"},    // negative
		{"revoke", "zzzzzzzzzzzz"},                 // unknown
		{"create", "--role=report", "--name=a\nb"}, // no name
	} {
		if out, _, err := command(t, append(append([]string{"keys"}, args...), dsn)...); err == nil || out != "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %q %v", args, out, err)
		}
	}
	db.Exec(t, `INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name) VALUES ('ownownownown', sha256('x'), 'report', 'x', '7', 'ratna')`)
	if _, _, err := command(t, "keys", "rotate", "ownownownown", dsn); err == nil || !strings.Contains(err.Error(), "only they rotate it") {
		t.Errorf("a person's key: %v", err)
	}
	mustCommand(t, "keys", "revoke", strings.TrimSpace(next), dsn) // as it was printed
	list := mustCommand(t, "keys", "list", dsn)
	for _, want := range []string{"OWNER", "ratna", "revoked "} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if strings.Contains(list, next[16:]) || strings.Contains(list, key[16:]) {
		t.Error("the list shows a secret")
	}
	var ways string
	row := db.Pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', way, action, actor = $1), ', ' ORDER BY audit_id) FROM sespan.audit WHERE subject = 'key' AND subject_id <> 'ownownownown'`, osUser())
	if err := row.Scan(&ways); err != nil || ways != "cli insert t, cli insert t, cli update t, cli revoke t" {
		t.Errorf("audit: %s %v", ways, err)
	}
}
