package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestStatsCheck(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	at := "--database-url=" + db.Login(t, "", "sespan_admin").URL
	db.Exec(t, `INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, recipient)
		SELECT i, i, now(), now() - interval '1 day' * (i - 1), 'sent', 1, 'a@b.co' FROM generate_series(1, 2) i`)
	out, _, err := command(t, "stats", "check", at)
	if err != nil || !strings.Contains(out, "counts of all days agree with what proves them") {
		t.Fatalf("printed %q, %v", out, err)
	}
	db.Exec(t, "ALTER TABLE sespan.mail_outcome DISABLE TRIGGER stats_mail_deleted; DELETE FROM sespan.mail_outcome WHERE queue_id = 2")
	out, _, err = command(t, "stats", "check", at)
	if err == nil || !strings.Contains(err.Error(), "1 of ") || !strings.Contains(out, "mail         outcome=sent mails: counted 1, proven 0, difference 1\n") {
		t.Errorf("printed %q, %v", out, err)
	}
	var printed struct {
		Compared    int
		Differences []struct{ Noun, Difference string }
	}
	out, _, err = command(t, "stats", "check", "--json", at)
	if err == nil || json.Unmarshal([]byte(out), &printed) != nil || len(printed.Differences) != 1 || printed.Differences[0].Noun != "mail" {
		t.Errorf("as JSON %q, %v", out, err)
	}
	var today string
	if err := db.Pool.QueryRow(t.Context(), "SELECT current_date::text").Scan(&today); err != nil {
		t.Fatal(err)
	}
	if out, _, err = command(t, "stats", "check", "--since="+today, at); err != nil {
		t.Errorf("today alone: %q, %v", out, err)
	}
	if _, _, err = command(t, "stats", "check", "--since=yesterday", at); err == nil {
		t.Error("a day that is none was taken")
	}
	if _, _, err = command(t, "stats", "check", "--database-url="+db.Login(t, "", "sespan_reader").URL); err == nil {
		t.Error("a reader may not read what proves the counts")
	}
}
