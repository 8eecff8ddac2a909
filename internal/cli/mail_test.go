package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// staff is `sespan mail` as a person of the staff runs it.
type staff struct {
	t  *testing.T
	db *pgtest.DB
	at string
}

func newStaff(t *testing.T, groups ...string) *staff {
	t.Helper()
	db := pgtest.NewDB(t)
	return &staff{t, db, "--database-url=" + db.Login(t, "", groups...).URL}
}

func (s *staff) run(args ...string) (out, messages string, err error) {
	s.t.Helper()
	return command(s.t, append([]string{"mail", s.at, "--actor=anna"}, args...)...)
}

func (s *staff) must(args ...string) (out, messages string) {
	s.t.Helper()
	out, messages, err := s.run(args...)
	if err != nil {
		s.t.Fatalf("mail %v: %v\n%s", args, err, messages)
	}
	return out, messages
}

func (s *staff) enqueue(arguments string) string {
	s.t.Helper()
	var id int64
	if err := s.db.Pool.QueryRow(s.t.Context(), "SELECT sespan.mail_enqueue(body_text => 'hello', "+arguments+")").Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(id)
}

func TestMailCommands(t *testing.T) {
	t.Parallel()
	d := newStaff(t, "sespan_admin", "sespan_reader_detail")
	id := d.enqueue("recipient => 'a@b.co', subject => 'Order', category => 'order'")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"status"}, "queued     1"},
		{[]string{"list"}, "queued  0/1   a@b.co  order     Order"},
		{[]string{"why", id}, "It is the next to be sent. No worker is running."},
		{[]string{"preview", id}, "\nhello\n"},
		{[]string{"pause", "category:order"}, "category:order  "},
		{[]string{"resume", "category:order"}, "anna"},
		{[]string{"cancel", id}, "a@b.co     queued  cancelled"},
		{[]string{"why", id}, "by anna."},
		{[]string{"throughput"}, "WITHHELD"},
		{[]string{"suppress", "X@b.co", "--detail=asked by phone"}, "x@b.co   all    manual"},
		{[]string{"suppressed"}, "for ever  anna  asked by phone"},
		{[]string{"unsuppress", "x@b.co"}, "x@b.co"},
		{[]string{"audit"}, "cancel      1 recipients"},
	} {
		if out, _ := d.must(c.args...); !strings.Contains(out, c.want) {
			t.Errorf("mail %v printed\n%swithout %q", c.args, out, c.want)
		}
	}
	for _, c := range [][2]string{{"stuck", "nothing is stuck"}, {"dead", "no mail is dead"}, {"suppressed", "no address is suppressed"}} {
		if out, messages := d.must(c[0]); out != "" || !strings.Contains(messages, c[1]) {
			t.Errorf("mail %s printed %q and said %q", c[0], out, messages)
		}
	}
	var rows []struct {
		State  string                 `json:"state"`
		Reason string                 `json:"reason"`
		Facts  struct{ Actor string } `json:"facts"`
	}
	if out, _ := d.must("why", id, "--json"); json.Unmarshal([]byte(out), &rows) != nil || len(rows) != 1 || rows[0].State != "cancelled" ||
		rows[0].Reason != "cancelled" || rows[0].Facts.Actor != "anna" {
		t.Errorf("as JSON: %s", out)
	}
}

// Mails that are chosen by state or category, in as many batches as it takes.
func TestMailCommandsChooseByStateAndCategory(t *testing.T) {
	t.Parallel()
	d := newStaff(t, "sespan_admin", "sespan_reader_detail")
	d.db.Exec(t, `SELECT count(sespan.mail_enqueue(recipient => 'r' || i || '@b.co', body_text => 'x', category => CASE WHEN i <= 1200 THEN 'news' ELSE 'order' END))
		FROM generate_series(1, 1210) i`)
	if _, messages := d.must("cancel", "--category=news"); !strings.Contains(messages, "1200 of 1200 recipients cancelled") {
		t.Errorf("said %q", messages)
	}
	d.db.Exec(t, `WITH q AS (DELETE FROM sespan.mail_queue RETURNING *)
		INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, recipient) SELECT queue_id, message_id, created_at, 'dead', 1, recipient FROM q`)
	d.db.Exec(t, "UPDATE sespan.mail_message SET pending = 0, dead = 1, finished_at = now() WHERE category = 'order'")
	if out, _ := d.must("dead", "--category=order", "--limit=3"); strings.Count(out, "\n") != 4 {
		t.Errorf("three dead mails under a heading:\n%s", out)
	}
	if _, messages := d.must("retry", "--dead", "--category=order"); !strings.Contains(messages, "10 of 10 recipients sent again") {
		t.Errorf("said %q", messages)
	}
	if _, messages := d.must("retry", "--dead"); !strings.Contains(messages, "no mail was chosen") {
		t.Errorf("again: said %q", messages)
	}
}

func TestMailCommandsRefuse(t *testing.T) {
	t.Parallel()
	d := newStaff(t, "sespan_reader_detail")
	id := d.enqueue("recipient => 'a@b.co'")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cancel", id}, "must be a member of sespan_admin"},
		{[]string{"preview", id}, "must be a member of sespan_admin"},
		{[]string{"why", "4711"}, "the newest one is 1"},
		{[]string{"retry"}, "name mails, or choose them by --dead"},
		{[]string{"retry", id, "--dead"}, "give one of the two"},
		{[]string{"retry", "--dead", "--state=unknown"}, "give one of the two"},
		{[]string{"dead", "--limit=2000"}, "choose 1 to 1000"},
		{[]string{"audit", "--limit=0"}, "choose 1 to 1000"},
		{[]string{"cancel", "--state=queued", "--category="}, "--category is empty; name a category, or leave it out"}, // not: all that wait
		{[]string{"cancel", "--state=any"}, "name mails, or choose them by --dead"},
		{[]string{"suppress", "a@b.co", "--for=0s"}, "--for is no time to come"},
		{[]string{"pause", "domain:*.b.co"}, "must be a member of sespan_admin"},
		{[]string{"status", "--actor="}, ""},
		{[]string{"status", "--actor=a\nb"}, "SESPAN_ACTOR"},
	} {
		_, _, err := d.run(c.args...)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("mail %v: %v, want %q", c.args, err, c.want)
		}
	}
	admin := newStaff(t, "sespan_admin")
	for _, c := range [][]string{{"retry", "4711"}, {"cancel", admin.enqueue("recipient => 'a@b.co'"), "4711"}} {
		if _, _, err := admin.run(c...); err == nil || !strings.Contains(err.Error(), "no mail with this id is known: 4711") {
			t.Errorf("mail %v: %v", c, err)
		}
	}
	if _, _, err := admin.run("resume", "all"); err == nil || !strings.Contains(err.Error(), "all is not paused") {
		t.Errorf("resume: %v", err)
	}
	if _, _, err := admin.run("pause", "everything"); err == nil || !strings.Contains(err.Error(), "what: must be all") {
		t.Errorf("pause: %v", err)
	}
}

// A database that cannot be used is named, with what to do, in one line; nothing is
// said of mails that nobody has looked at.
func TestMailCommandsWithoutADatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for at, want := range map[string]string{
		"no address":                                   "SESPAN_DATABASE_URL cannot be used: not a PostgreSQL URL",
		"postgres://x@127.0.0.1:1/x":                   "The database cannot be reached: ",
		db.URLFor(t, "postgres", "wrong"):              "SESPAN_DATABASE_URL is refused by the server: password authentication failed",
		strings.Replace(db.URL, db.Name, "nowhere", 1): "SESPAN_DATABASE_URL is refused by the server: database \"nowhere\" does not exist",
	} {
		out, messages, err := command(t, "mail", "--database-url="+at, "--actor=anna", "cancel", "1")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", at, err, want)
		}
		if out+messages != "" {
			t.Errorf("%s: printed %q and said %q", at, out, messages)
		}
	}
}
