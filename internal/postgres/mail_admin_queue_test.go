package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// Mails of an ended pause go; those of another one stay.
func TestMailResumeLetsParkedMailsGo(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	for _, what := range []string{"domain:a.co", "category:news"} {
		if _, err := admin.Pause(t.Context(), what, "anna"); err != nil {
			t.Fatal(err)
		}
		enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
		db.Exec(t, "UPDATE sespan.mail_queue SET state = 'scheduled', due_at = 'infinity', parked = $1 WHERE parked IS NULL", what)
	}
	rows, err := admin.Resume(t.Context(), "domain:a.co", "anna")
	if err != nil || len(rows) != 1 || rows[0].Mails != 1 || rows[0].LeftParked != 0 {
		t.Fatalf("resume: %+v, %v", rows, err)
	}
	if rows, err = admin.Resume(t.Context(), "domain:a.co", "anna"); err != nil || len(rows) != 0 {
		t.Errorf("again: %+v, %v", rows, err)
	}
	if got := mailValue[string](t, db, "SELECT string_agg(concat_ws(' ', parked, due_at <= clock_timestamp()), ', ' ORDER BY queue_id) FROM sespan.mail_queue"); got != "t, category:news f" {
		t.Errorf("rows are %s", got)
	}
	// A worker that had read the pause before it ended parks one more: maintenance lets it go.
	db.Exec(t, "UPDATE sespan.mail_queue SET due_at = 'infinity', parked = 'domain:a.co' WHERE parked IS NULL")
	if n := mailValue[int64](t, db, "SELECT sespan.mail_unpark(100)"); n != 1 {
		t.Errorf("%d let go, want 1", n)
	}
}

func TestMailStuckAndThroughput(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	for kind, change := range map[string]string{
		"undecided": "state = 'unknown', due_at = 'infinity'", "abandoned": "state = 'sending', lease_token = -1, leased_until = now() - interval '2 minutes'",
		"overdue": "due_at = now() - interval '6 minutes'", "parked": "state = 'scheduled', due_at = 'infinity', parked = 'all', created_at = now() - interval '2 days'",
	} {
		id := enqueue(t, db, "recipient => '"+kind+"@b.co', body_text => 'x'")
		db.Exec(t, "UPDATE sespan.mail_queue SET "+change+" WHERE message_id = $1", id)
	}
	enqueue(t, db, "recipient => 'fine@b.co', body_text => 'x'")
	rows, err := admin.Stuck(t.Context(), 100)
	if err != nil || len(rows) != 4 {
		t.Errorf("stuck: %+v, %v", rows, err)
	}
	for _, r := range rows {
		if r.Recipient != r.Kind+"@b.co" || r.Reason != map[string]string{"parked": "paused"}[r.Kind] && r.Reason != r.Kind {
			t.Errorf("stuck: %+v", r)
		}
		if sentence := mailValue[string](t, db, `SELECT s.why FROM sespan.mail_stuck s
			JOIN sespan.mail_reasons() r ON r.reason = s.reason AND ARRAY(SELECT jsonb_object_keys(s.facts)) <@ r.facts WHERE s.queue_id = $1`, r.QueueID); sentence == "" {
			t.Errorf("stuck: %+v has no sentence", r)
		}
	}
	s := postgres.NewMail(openMailPool(t, db.URL))
	settle(t, s, mail.StateSent, claim(t, s, -1, 1, time.Minute)...)
	minutes, err := admin.Throughput(t.Context())
	if err != nil || len(minutes) != 1 || minutes[0].Sent != 1 || minutes[0].Failed != 0 {
		t.Errorf("throughput: %+v, %v", minutes, err)
	}
	status, err := admin.Status(t.Context())
	if err != nil || len(status) != 6 {
		t.Fatalf("status: %+v, %v", status, err)
	}
	for _, row := range status {
		if want := map[string]int64{"queued": 1, "scheduled": 1, "sending": 1, "unknown": 1}[row.State]; row.Mails != want {
			t.Errorf("%d mails %s, want %d", row.Mails, row.State, want)
		}
	}
}

// The gauge that the alert watches knows of dead mails after a restart too, until
// somebody has dealt with them.
func TestMailDeadIsCounted(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin, s := openMailAdmin(t, db), postgres.NewMail(openMailPool(t, db.URL))
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	settle(t, s, mail.StateDead, claim(t, s, -1, 10, time.Minute)...)
	for _, want := range []int64{1, 0} {
		d, err := postgres.NewMail(openMailPool(t, db.URL)).Depth(t.Context())
		if err != nil || d.Rows[mail.StateDead] != want {
			t.Errorf("%d dead mails, %v, want %d", d.Rows[mail.StateDead], err, want)
		}
		if want == 1 {
			changeOf(t, admin.Cancel, id)
		}
	}
}

// A site counts mails of the last resort that it could not queue, and a roll-back leaves the
// count; both with the rights of their logins.
func TestMailLostIsCounted(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	producer := db.Login(t, "", "sespan_producer").Pool
	service := postgres.NewMail(openMailPool(t, db.ServiceURL(t)))
	for _, want := range []int64{0, 2} {
		if d, err := service.Depth(t.Context()); err != nil || d.Lost != want {
			t.Fatalf("%d lost, %v, want %d", d.Lost, err, want)
		}
		if _, err := producer.Exec(t.Context(), "BEGIN; SELECT sespan.mail_count_lost(2); ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
}

// The states stand in the order of a mail's life.
func TestMailStatusIsInOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	if got := mailValue[string](t, db, "SELECT string_agg(s.state, ' ') FROM sespan.mail_status() s"); got != "queued scheduled sending retry unknown dead" {
		t.Errorf("states: %s", got)
	}
}
