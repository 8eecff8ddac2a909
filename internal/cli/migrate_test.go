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

// A queue with mails in it is not dropped by the way: they are counted, and stay.
func TestMigrateDownKeepsMails(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	at := "--database-url=" + db.URL
	mustCommand(t, "migrate", "up", "--no-roles", at)
	db.Exec(t, "SELECT sespan.mail_enqueue(recipient => r, subject => 's', body_text => 'b') FROM unnest(ARRAY['a@example.org', 'b@example.org']) r")
	down := []string{"migrate", "down", "--no-roles", at, "--steps=1000", "--force"}
	if _, _, err := command(t, down...); err == nil || !strings.Contains(err.Error(), "2 mail(s) wait in the queue") {
		t.Errorf("down with mails: %v", err)
	}
	if out := mustCommand(t, "migrate", "status", at); strings.Contains(out, "pending") {
		t.Errorf("something was taken back:\n%s", out)
	}
	mustCommand(t, append(down, "--lose-mails")...)
}

// An id without a mail is told apart: not given yet, too old, or left unused by a transaction.
func TestMailWhyOfAnUnknownID(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	at := "--database-url=" + db.URL
	why := func(id string) string {
		_, _, err := command(t, "mail", "why", id, at)
		if err == nil {
			t.Fatalf("%s is known", id)
		}
		return err.Error()
	}
	if got := why("7"); !strings.Contains(got, "there is no mail at all") {
		t.Error(got)
	}
	enqueue := "SELECT sespan.mail_enqueue(recipient => 'a@example.org', subject => 's', body_text => 'b')"
	db.Exec(t, enqueue)
	db.Exec(t, "DO $$ BEGIN PERFORM sespan.mail_enqueue(recipient => 'a@example.org', subject => 's', body_text => 'b'); RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN NULL; END $$")
	db.Exec(t, enqueue)
	for id, want := range map[string]string{"9999": "the newest one is 3", "2": "nothing was committed under it"} {
		if got := why(id); !strings.Contains(got, want) {
			t.Errorf("%s: %s", id, got)
		}
	}
}
