package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// openMailAdmin is a person's login: staff, and nothing else.
func openMailAdmin(tb testing.TB, db *pgtest.DB) *postgres.MailAdmin {
	tb.Helper()
	pool, err := postgres.Open(tb.Context(), postgres.Options{URL: db.Login(tb, "", "sespan_admin", "sespan_reader_detail").URL, MaxConns: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return postgres.NewMailAdmin(pool)
}

func whyOf(tb testing.TB, admin *postgres.MailAdmin, id int64) mail.Explanation {
	tb.Helper()
	rows, err := admin.Why(tb.Context(), id)
	if err != nil || len(rows) != 1 {
		tb.Fatalf("why %d: %v, %v", id, rows, err)
	}
	return rows[0]
}

// sentenceOf is what SQL says of a mail to one recipient, in English. The reason is
// of the closed list, and the facts are those that the list gives it.
func sentenceOf(tb testing.TB, db *pgtest.DB, id int64) string {
	tb.Helper()
	return mailValue[string](tb, db, `SELECT w.why FROM sespan.mail_why($1) w
		JOIN sespan.mail_reasons() r ON r.reason = w.reason AND ARRAY(SELECT jsonb_object_keys(w.facts)) <@ r.facts`, id)
}

// changeOf is what became of the one recipient of a mail.
func changeOf(tb testing.TB, do func(context.Context, []int64, string) ([]mail.Change, error), id int64) mail.Change {
	tb.Helper()
	rows, err := do(tb.Context(), []int64{id}, "anna")
	if err != nil || len(rows) != 1 {
		tb.Fatalf("change of %d: %v, %v", id, rows, err)
	}
	return rows[0]
}

// Every state has a sentence that says why.
func TestMailWhy(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	first := enqueue(t, db, "recipient => 'first@b.co', body_text => 'x'")
	second := enqueue(t, db, "recipient => 'second@b.co', body_text => 'x'")
	for name, c := range map[string]struct{ reason, change, want string }{
		"queued":        {"behind", "", "It waits behind 2 other mails. No worker is running."},
		"scheduled":     {"scheduled", "state = 'scheduled', due_at = '2099-01-02 03:04:05Z'", "It is scheduled for 2099-01-02 03:04:05 UTC. No worker is running."},
		"sending":       {"sending", "state = 'sending', lease_token = -1, leased_until = '2099-01-02Z'", "It is being sent now; the worker's lease ends at 2099-01-02 00:00:00 UTC."},
		"abandoned":     {"worker_lost", "state = 'sending', lease_token = -1, leased_until = '2020-01-02Z'", "The worker that had it vanished at 2020-01-02 00:00:00 UTC;"},
		"retry":         {"retry", "state = 'retry', attempts = 2, due_at = '2099-01-02Z', last_reason = 'rcpt_to', last_code = 451, last_reply = 'come back'", "Try number 3 is due at 2099-01-02 00:00:00 UTC, because the last one failed: rcpt_to (451 come back)."},
		"unknown":       {"undecided", "state = 'unknown', due_at = 'infinity', tried_at = '2026-01-02Z', last_reason = 'timeout'", "It may have been sent: timeout at 2026-01-02 00:00:00 UTC. A person decides: mail_retry or mail_cancel."},
		"limited":       {"rate_limited", "state = 'scheduled', due_at = '2099-01-02Z', last_reason = 'limited', last_reply = 'b.co: 5/s'", "A rate limit holds it back until 2099-01-02 00:00:00 UTC: b.co: 5/s."},
		"breaker":       {"relay_failing", "state = 'retry', due_at = '2099-01-02Z', last_reason = 'breaker'", "Its relay or domain fails at the moment, so it is not tried before 2099-01-02 00:00:00 UTC."},
		"relay failed":  {"due_again", "state = 'retry', due_at = '2099-01-02Z', last_reason = 'connect', last_reply = 'refused'", "It is due again at 2099-01-02 00:00:00 UTC: connect (refused)."},
		"announced":     {"announced", "announced_at = clock_timestamp() - interval '3 seconds', due_at = now() - interval '9 seconds'", "It was announced to a broker 3 s ago, not yet claimed. No worker is running."},
		"tried before":  {"announced", "state = 'retry', attempts = 1, announced_at = clock_timestamp(), due_at = now() - interval '9 seconds', last_reason = 'rcpt_to', last_code = 451", "It was announced to a broker 0 s ago, not yet claimed. Last: rcpt_to 451. No worker is running."},
		"parked":        {"paused", "state = 'scheduled', due_at = 'infinity', parked = 'domain:slow.example'", "It is held by the pause of domain:slow.example, which ben set at "},
		"no longer":     {"pause_over", "state = 'scheduled', due_at = 'infinity', parked = 'category:gone'", "The pause of category:gone is over; it is let go within seconds."},
		"due scheduled": {"due", "state = 'scheduled', due_at = '2020-01-02Z'", "It is due since 2020-01-02 00:00:00 UTC and waits for a worker."},
	} {
		id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', priority => 9")
		db.Exec(t, "INSERT INTO sespan.mail_pause (what, actor) VALUES ('domain:slow.example', 'ben') ON CONFLICT DO NOTHING")
		if c.change != "" {
			db.Exec(t, "UPDATE sespan.mail_queue SET "+c.change+" WHERE message_id = $1", id)
		}
		if got := sentenceOf(t, db, id); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if got := whyOf(t, admin, id); got.Reason != c.reason {
			t.Errorf("%s: reason %q, want %q", name, got.Reason, c.reason)
		}
		db.Exec(t, "DELETE FROM sespan.mail_queue WHERE message_id = $1", id)
	}
	if got := sentenceOf(t, db, first); !strings.HasPrefix(got, "It is the next to be sent.") {
		t.Errorf("first: %q", got)
	}
	if _, err := admin.Pause(t.Context(), "all", "anna"); err != nil {
		t.Fatal(err)
	}
	if got := sentenceOf(t, db, second); !strings.HasPrefix(got, "It is held by the pause of all mails, which anna set at ") {
		t.Errorf("all paused: %q", got)
	}
	for _, id := range []int64{99, -1, 1 << 62} {
		if rows, err := admin.Why(t.Context(), id); err != nil || len(rows) != 0 {
			t.Errorf("unknown id %d: %v, %v", id, rows, err)
		}
	}
}

func TestMailWhyOfFinalStates(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	for state, want := range map[string]string{
		"sent":       "It was sent at 2026-01-02 00:00:00 UTC to relay:25, which answered: 2.0.0 ok.",
		"dead":       "It is dead since 2026-01-02 00:00:00 UTC after 3 tries: test (550 2.0.0 ok). mail_retry sends it again.",
		"expired":    "It was not sent before its expires_at, ",
		"suppressed": "It was not sent, because the address is not written to: test (550 2.0.0 ok).",
		"cancelled":  "It was cancelled at 2026-01-02 00:00:00 UTC; 2.0.0 ok.",
	} {
		id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', expires_at => now() + interval '1 hour'")
		db.Exec(t, `WITH q AS (DELETE FROM sespan.mail_queue WHERE message_id = $1 RETURNING *)
			INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state, attempts, code, recipient, reason, reply, relay)
			SELECT queue_id, message_id, created_at, '2026-01-02Z', $2, 3, 550, recipient, 'test', '2.0.0 ok', 'relay:25' FROM q`, id, state)
		got, sentence := whyOf(t, admin, id), sentenceOf(t, db, id)
		if !strings.HasPrefix(sentence, want) || got.State != state || got.Reason != state {
			t.Errorf("%s: %s, %q, want %q", state, got.Reason, sentence, want)
		}
	}
}

// django-post_office: no way to send a failed mail again. A dead mail goes back
// into the queue once, however often it is asked for, and is sent.
func TestMailRetryOfADeadMail(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin, s := openMailAdmin(t, db), postgres.NewMail(openMailPool(t, db.URL))
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'kept'")
	settle(t, s, mail.StateDead, claim(t, s, -1, 10, time.Minute)...)
	if got := changeOf(t, admin.Retry, id); !got.Changed || *got.Was != "dead" || *got.State != "retry" {
		t.Fatalf("retry: %+v", got)
	}
	if got := changeOf(t, admin.Retry, id); got.Changed || got.Reason != "waiting" {
		t.Errorf("again: %+v", got)
	}
	if got := mailValue[string](t, db, "SELECT concat_ws(' ', pending, dead, finished_at, wipe_at) FROM sespan.mail_message WHERE message_id = $1", id); got != "1 0" {
		t.Errorf("the message says %q, want one pending, none dead", got)
	}
	rows := claim(t, s, -2, 10, time.Minute)
	if len(rows) != 1 || rows[0].Stored == nil || rows[0].Stored.Text != "kept" || rows[0].Attempts != 0 {
		t.Fatalf("claimed %+v", rows)
	}
	settle(t, s, mail.StateSent, rows...)
	if got := changeOf(t, admin.Retry, id); got.Changed || got.Reason != "sent" || got.Facts.FinishedAt == nil {
		t.Errorf("after sending: %+v", got)
	}
}

func TestMailRetrySaysWhyNot(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin, s := openMailAdmin(t, db), postgres.NewMail(openMailPool(t, db.URL))
	ids := map[string]int64{}
	for _, name := range []string{"wiped", "expired", "gone"} {
		ids[name] = enqueue(t, db, "recipient => '"+name+"@b.co', body_text => 'x', expires_at => now() + interval '1 hour'")
	}
	settle(t, s, mail.StateDead, claim(t, s, -1, 10, time.Minute)...)
	db.Exec(t, "UPDATE sespan.mail_message SET wiped_at = '2026-01-02Z', body_text = NULL, wipe_at = NULL WHERE message_id = $1", ids["wiped"])
	db.Exec(t, "UPDATE sespan.mail_message SET expires_at = '2026-01-02Z' WHERE message_id = $1", ids["expired"])
	db.Exec(t, "DELETE FROM sespan.mail_message WHERE message_id = $1", ids["gone"])
	soon := time.Now().UTC().Add(30*24*time.Hour).Format(time.DateTime) + " UTC"
	ids["scheduled"] = enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', send_at => '"+soon+"'")
	ids["sending"] = enqueue(t, db, "recipient => 'b@b.co', body_text => 'x'")
	claim(t, s, -2, 10, time.Minute)
	ids["unknown id"] = 4711
	long := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, want := range map[string]struct {
		reason string
		when   func(mail.Facts) *time.Time
		at     string
	}{
		"wiped":      {"body_wiped", func(f mail.Facts) *time.Time { return f.WipedAt }, long.Format(time.DateTime) + " UTC"},
		"expired":    {"past_expiry", func(f mail.Facts) *time.Time { return f.ExpiresAt }, long.Format(time.DateTime) + " UTC"},
		"gone":       {"content_gone", nil, ""},
		"scheduled":  {"scheduled", func(f mail.Facts) *time.Time { return f.DueAt }, soon},
		"sending":    {"sending", nil, ""},
		"unknown id": {"unknown_id", nil, ""},
	} {
		got := changeOf(t, admin.Retry, ids[name])
		if got.Changed || got.Reason != want.reason {
			t.Errorf("%s: %+v, want %q", name, got, want.reason)
		}
		if want.when == nil {
			continue
		}
		if when := want.when(got.Facts); when == nil || when.UTC().Format(time.DateTime)+" UTC" != want.at {
			t.Errorf("%s: %v, want %s", name, when, want.at)
		}
	}
}

func TestMailRetryOfWaitingMails(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	for name, change := range map[string]string{
		"unknown": "state = 'unknown', due_at = 'infinity'", "retry": "state = 'retry', attempts = 3, due_at = now() + interval '1 hour'",
		"limited": "state = 'scheduled', last_reason = 'limited', due_at = now() + interval '1 hour'",
	} {
		id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
		db.Exec(t, "UPDATE sespan.mail_queue SET "+change+" WHERE message_id = $1", id)
		if got := changeOf(t, admin.Retry, id); !got.Changed || *got.State != "retry" {
			t.Errorf("%s: %+v", name, got)
		}
		if !mailValue[bool](t, db, "SELECT state = 'retry' AND due_at <= clock_timestamp() FROM sespan.mail_queue WHERE message_id = $1", id) {
			t.Errorf("%s is not due", name)
		}
	}
}

// A cancelled mail is never sent, its body goes, and its other recipients get theirs.
func TestMailCancel(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin, s := openMailAdmin(t, db), postgres.NewMail(openMailPool(t, db.URL))
	waiting := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	dead := enqueue(t, db, "recipient => 'b@b.co', body_text => 'x', priority => 1")
	settle(t, s, mail.StateDead, claim(t, s, -1, 1, time.Minute)...)
	for _, id := range []int64{waiting, dead} {
		if got := changeOf(t, admin.Cancel, id); !got.Changed || *got.State != "cancelled" {
			t.Errorf("cancel %d: %+v", id, got)
		}
		if got := mailValue[string](t, db, "SELECT concat_ws(' ', pending, dead, body_text, wiped_at IS NOT NULL) FROM sespan.mail_message WHERE message_id = $1", id); got != "0 0 t" {
			t.Errorf("message %d says %q", id, got)
		}
		if got := changeOf(t, admin.Cancel, id); got.Changed || got.Reason != "cancelled" || got.Facts.Actor != "anna" {
			t.Errorf("again: %+v", got)
		}
	}
	many := enqueue(t, db, "recipients => ARRAY['c@b.co', 'd@b.co', 'e@b.co'], body_text => 'x'")
	held := claim(t, s, -2, 1, time.Minute)
	rows, err := admin.Cancel(t.Context(), []int64{many}, "anna")
	if err != nil || len(rows) != 3 || rows[0].Changed || rows[0].Reason != "sending" || !rows[1].Changed || !rows[2].Changed {
		t.Fatalf("cancel of three: %+v, %v", rows, err)
	}
	settle(t, s, mail.StateSent, held...)
	if got := stateOf(t, db, many); got != "sent cancelled cancelled" {
		t.Errorf("recipients are %s", got)
	}
	if got := mailValue[string](t, db, "SELECT concat_ws(' ', pending, sent, body_text, finished_at IS NOT NULL) FROM sespan.mail_message WHERE message_id = $1", many); got != "0 1 t" {
		t.Errorf("the message says %q", got)
	}
}

// What another transaction holds is passed by, not waited for.
func TestMailChangesSkipLockedRows(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x'")
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "SELECT FROM sespan.mail_queue FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(context.Context, []int64, string) ([]mail.Change, error){"retry": admin.Retry, "cancel": admin.Cancel} {
		if got := changeOf(t, do, id); got.Changed || got.Reason != "busy" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMailAuditNamesWhoDidWhat(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	id := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', headers => '{\"X-A\": \"1\"}', attachments => '[{\"filename\": \"a.txt\", \"content\": \"aGk=\"}]'")
	content, err := admin.Preview(t.Context(), id, "anna")
	if err != nil || len(content) != 1 || *content[0].Text != "x" || content[0].Headers["X-A"] != "1" || content[0].Attachments[0].Size != 2 || content[0].Reason != "" {
		t.Fatalf("preview: %+v, %v", content, err)
	}
	changeOf(t, admin.Cancel, id)
	if content, err = admin.Preview(t.Context(), id, "anna"); err != nil || content[0].Text != nil || content[0].Reason != "body_wiped" || content[0].Facts.WipedAt == nil {
		t.Errorf("preview of a wiped mail: %+v, %v", content, err)
	}
	sealed := mailValue[int64](t, db, `SELECT sespan.mail_enqueue_sealed('a@b.co', 'Your code', '\x01', 'otp', 1, NULL)`)
	if content, err = admin.Preview(t.Context(), sealed, "anna"); err != nil || content[0].Text != nil || content[0].Reason != "body_sealed" {
		t.Errorf("preview of a code: %+v, %v", content, err)
	}
	for _, do := range []func(context.Context, string, string) ([]mail.Pause, error){admin.Pause, admin.Resume} {
		if rows, err := do(t.Context(), "domain:B.Co", "anna"); err != nil || len(rows) != 1 || rows[0].What != "domain:b.co" {
			t.Errorf("%+v, %v", rows, err)
		}
	}
	rows, err := admin.Audit(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, r := range rows {
		if r.Actor != "anna" || !strings.HasPrefix(r.Login, "login_") {
			t.Errorf("audit says %+v", r)
		}
		actions = append(actions, r.Action)
	}
	if got := strings.Join(actions, " "); got != "resume pause preview preview cancel preview" {
		t.Errorf("actions %s", got)
	}
}

// The audit names the mails that were changed, not those that were looked at.
func TestMailAuditNamesChangedMails(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	id := enqueue(t, db, "recipients => ARRAY['a@b.co', 'c@b.co'], body_text => 'x'")
	db.Exec(t, `UPDATE sespan.mail_queue SET state = 'retry', due_at = now() + interval '1 hour' WHERE queue_id = $1`, id*1024)
	left := enqueue(t, db, "recipient => 'd@b.co', body_text => 'x'")
	if _, err := admin.Retry(t.Context(), []int64{id, left, left + 1}, "anna"); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[string](t, db, "SELECT ids::text FROM sespan.audit WHERE subject = 'mail'"); got != fmt.Sprintf("{%d}", id) {
		t.Errorf("the audit names %s, want %d alone, of which one recipient was changed", got, id)
	}
}

func TestMailAdminRefusals(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := openMailAdmin(t, db)
	for what, call := range map[string]func() error{
		"what":        func() error { _, err := admin.Pause(t.Context(), "everything", "anna"); return err },
		"actor":       func() error { _, err := admin.Pause(t.Context(), "all", "an\nna"); return err },
		"ids":         func() error { _, err := admin.Retry(t.Context(), make([]int64, 10001), "anna"); return err },
		"not a scope": func() error { _, err := admin.Suppress(t.Context(), "a@b.co", "some", "", nil, "anna"); return err },
	} {
		if err := call(); err == nil || !strings.Contains(what+" scope", strings.SplitN(err.Error(), ":", 2)[0]) {
			t.Errorf("%s: %v", what, err)
		}
	}
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.Login(t, "", "sespan_reader_detail").URL})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	reader := postgres.NewMailAdmin(pool)
	if _, err := reader.Status(t.Context()); err != nil {
		t.Errorf("a reader may not see the state: %v", err)
	}
	if _, err := reader.Cancel(t.Context(), []int64{1}, "eve"); err == nil || !strings.Contains(err.Error(), "sespan_admin") {
		t.Errorf("a reader may cancel: %v", err)
	}
	if _, err := reader.Preview(t.Context(), 1, "eve"); err == nil {
		t.Error("a reader may read bodies")
	}
}
