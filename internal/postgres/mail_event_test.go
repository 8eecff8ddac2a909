package postgres_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/address"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mailevent"
	"sespan/internal/postgres"
)

// sentMail enqueues a mail and says that the relay took it.
func sentMail(tb testing.TB, db *pgtest.DB, recipient, reply string) (id int64, created time.Time) {
	tb.Helper()
	id = enqueue(tb, db, "recipient => '"+recipient+"', body_text => 'x'")
	rows := claim(tb, postgres.NewMail(openMailPool(tb, db.URL)), 77, 10, time.Minute)
	db.Exec(tb, `DELETE FROM sespan.mail_queue WHERE message_id = $1`, id)
	db.Exec(tb, `INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts, recipient, reply)
		SELECT message_id * 1024, message_id, created_at, 'sent', 1, $2, $3 FROM sespan.mail_message WHERE message_id = $1`, id, rows[0].Recipient, reply)
	return id, rows[0].CreatedAt
}

func bounceOf(id string, recipient string, ref mailevent.Reference) mailevent.Event {
	return mailevent.Event{ID: id, Kind: mailevent.Bounce, Permanent: true, Recipient: recipient, Mail: ref, At: time.Now()}
}

func apply(tb testing.TB, s *postgres.MailEvents, events ...mailevent.Event) map[string]mailevent.Result {
	tb.Helper()
	out, err := s.Apply(tb.Context(), "relay-1", events, 90*24*time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Only mails that we sent to an address can suppress it.
func TestMailEventsSuppressOnlyWhatWeSent(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	pool := openMailPool(t, db.ServiceURL(t))
	s := postgres.NewMailEvents(pool)
	id, created := sentMail(t, db, "Sari@Example.co", "2.0.0 Ok 0102019a-ses-id-000000 queued")
	waiting := enqueue(t, db, "recipient => 'budi@example.co', body_text => 'x'")
	now := time.Now()
	for name, c := range map[string]struct {
		event mailevent.Event
		want  mailevent.Result
	}{
		"our number and day":       {bounceOf("1", "sari@example.CO", mailevent.Reference{MessageID: id, CreatedAt: created}), mailevent.Suppressed},
		"our number":               {bounceOf("2", "sari@example.co", mailevent.Reference{MessageID: id}), mailevent.Suppressed},
		"the relay's id":           {bounceOf("3", "sari@example.co", mailevent.Reference{RelayID: "0102019a-ses-id-000000", SentAt: now}), mailevent.Suppressed},
		"another day":              {bounceOf("4", "sari@example.co", mailevent.Reference{MessageID: id, CreatedAt: created.Add(time.Microsecond)}), mailevent.Unmatched},
		"another recipient":        {bounceOf("5", "owner@rival.example", mailevent.Reference{MessageID: id}), mailevent.Unmatched},
		"no such mail":             {bounceOf("6", "sari@example.co", mailevent.Reference{MessageID: id + 1000}), mailevent.Unmatched},
		"no id at all":             {bounceOf("12", "sari@example.co", mailevent.Reference{MessageID: math.MaxInt64}), mailevent.Unmatched},
		"never tried":              {bounceOf("7", "budi@example.co", mailevent.Reference{MessageID: waiting}), mailevent.Unmatched},
		"another relay's id":       {bounceOf("8", "sari@example.co", mailevent.Reference{RelayID: "0102019b-ses-id-000000", SentAt: now}), mailevent.Unmatched},
		"the relay's id, long ago": {bounceOf("9", "sari@example.co", mailevent.Reference{RelayID: "0102019a-ses-id-000000", SentAt: now.Add(-time.Hour)}), mailevent.Unmatched},
		"a soft bounce":            {mailevent.Event{ID: "10", Kind: mailevent.Bounce, Recipient: "sari@example.co", Mail: mailevent.Reference{MessageID: id}, At: now}, mailevent.Recorded},
		"a delivery":               {mailevent.Event{ID: "11", Kind: mailevent.Delivered, Recipient: "sari@example.co", Mail: mailevent.Reference{MessageID: id}, At: now}, mailevent.Recorded},
	} {
		if got := apply(t, s, c.event)[c.event.ID]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := apply(t, s, c.event)[c.event.ID]; got != mailevent.Repeated {
			t.Errorf("%s, again: %s", name, got)
		}
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_suppression"); n != 1 {
		t.Errorf("%d addresses are suppressed, want that of the bounce alone", n)
	}
}

func TestMailSuppressionScopes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMailEvents(openMailPool(t, db.ServiceURL(t)))
	var events []mailevent.Event
	for i, kind := range []mailevent.Kind{mailevent.Bounce, mailevent.Complaint, mailevent.Unsubscribe} {
		id, _ := sentMail(t, db, string(kind)+"@b.co", "ok")
		events = append(events, mailevent.Event{
			ID: fmt.Sprint(i), Kind: kind, Permanent: true, Recipient: string(kind) + "@b.co", Mail: mailevent.Reference{MessageID: id}, At: time.Now(),
		})
	}
	apply(t, s, events...)
	for _, c := range []struct {
		address    string
		code, bulk bool
		want       string
	}{
		{"bounce@b.co", true, false, "bounce"},
		{"BOUNCE@B.CO", false, false, "bounce"},
		{"complaint@b.co", true, false, ""}, // a code is asked for by its reader, each time
		{"complaint@b.co", false, false, "complaint"},
		{"unsubscribe@b.co", false, false, ""},
		{"unsubscribe@b.co", false, true, "unsubscribe"},
		{"nobody@b.co", false, true, ""},
	} {
		got := mailValue[string](t, db, "SELECT coalesce(sespan.mail_suppressed(sespan.address_key($1), $2, $3), '')", c.address, c.code, c.bulk)
		if got != c.want {
			t.Errorf("%s code %v bulk %v: %q, want %q", c.address, c.code, c.bulk, got, c.want)
		}
	}
	db.Exec(t, "UPDATE sespan.mail_suppression SET created_at = now() - interval '91 days', expires_at = now() - interval '1 day' WHERE reason = 'bounce'")
	if got := mailValue[string](t, db, "SELECT coalesce(sespan.mail_suppressed('bounce@b.co', false, false), '')"); got != "" {
		t.Errorf("an expired one counts still: %s", got)
	}
}

// A relay names a domain of another script as it stood in the envelope, in ASCII,
// and the queue as the site wrote it.
func TestMailSuppressionOfDomainsInBothAlphabets(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMailEvents(openMailPool(t, db.ServiceURL(t)))
	for i, c := range [][2]string{{"Rika@bücher.example", "rika@xn--bcher-kva.example"}, {"jo@xn--mnchen-3ya.example", "Jo@MÜNCHEN.example"}} {
		id, _ := sentMail(t, db, c[0], "ok")
		if got := apply(t, s, bounceOf(fmt.Sprint(i), c[1], mailevent.Reference{MessageID: id}))[fmt.Sprint(i)]; got != mailevent.Suppressed {
			t.Errorf("%s for %s: %s", c[1], c[0], got)
		}
		for _, spelling := range c {
			key, err := address.Key(spelling)
			require.NoError(t, err)
			if got := mailValue[string](t, db, "SELECT coalesce(sespan.mail_suppressed($1, false, false), '')", key); got != "bounce" {
				t.Errorf("%s is written to", spelling)
			}
		}
	}
}

// Who unsubscribed gets no mail that offers it, however it is written.
func TestMailBulkIsSeen(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mailExec(t, db, "SELECT sespan.mail_suppress('u@b.co', 'bulk')")
	for arguments, want := range map[string]string{
		`body_text => 'x', headers => '{"LIST-Unsubscribe": "<https://b.co/u>"}'`:                                   "suppressed",
		`raw => convert_to(E'Subject: x\r\nlist-UNSUBSCRIBE: <https://b.co/u>\r\n\r\nx', 'UTF8')`:                   "suppressed",
		`raw => convert_to(E'Subject: x\n\nList-Unsubscribe: <https://b.co/u> is what the body speaks of', 'UTF8')`: "sent",
		`body_text => 'List-Unsubscribe: x', headers => '{"X-Not-List-Unsubscribe": "<https://b.co/u>"}'`:           "sent",
	} {
		enqueue(t, db, "recipient => 'u@b.co', category => '"+want+"', "+arguments)
	}
	startWorker(t, db, newMailbox(nil), nil)
	eventually(t, db, "all are done", queueEmpty)
	if wrong := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome o JOIN sespan.mail_message m USING (message_id) WHERE o.state <> m.category"); wrong != 0 {
		t.Errorf("%d of 4 did not end as they should", wrong)
	}
}

// The same events at once, forwards and backwards: each counts once, nobody waits
// for ever.
func TestMailEventsAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMailEvents(openMailPool(t, db.ServiceURL(t)))
	var forth, back []mailevent.Event
	for i := range 20 {
		address := fmt.Sprintf("a%02d@b.co", i)
		id, _ := sentMail(t, db, address, "ok")
		e := bounceOf(fmt.Sprint(i), address, mailevent.Reference{MessageID: id})
		forth, back = append(forth, e), append([]mailevent.Event{e}, back...)
	}
	var mu sync.Mutex
	counts := map[mailevent.Result]int{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			events := forth
			if i%2 == 1 {
				events = back
			}
			out, err := s.Apply(t.Context(), "relay-1", events, time.Hour)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, r := range out {
				counts[r]++
			}
		})
	}
	all.Wait()
	if counts[mailevent.Suppressed] != 20 || counts[mailevent.Repeated] != 140 {
		t.Errorf("%v", counts)
	}
}

func TestMailEventsAreForgotten(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	s := postgres.NewMailEvents(openMailPool(t, db.ServiceURL(t)))
	db.Exec(t, `INSERT INTO sespan.mail_event (source, event_id, received_at, occurred_at, kind, permanent, result, recipient)
		SELECT 'x', i::text, now() - make_interval(days => i % 100), now(), 'delivered', false, 'recorded', 'a@b.co' FROM generate_series(1, 3000) i`)
	db.Exec(t, `INSERT INTO sespan.mail_suppression (address, scope, reason, created_at, expires_at, source)
		VALUES ('old@b.co', 'all', 'bounce', now() - interval '200 days', now() - interval '31 days', 'x'), ('new@b.co', 'all', 'bounce', now() - interval '20 days', now() - interval '1 day', 'x')`)
	if err := s.Cleanup(t.Context(), 60*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_event WHERE received_at < now() - interval '60 days'"); n != 0 {
		t.Errorf("%d old events are left", n)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_event"); n < 1700 {
		t.Errorf("young events are gone: %d left", n)
	}
	if a := mailValue[string](t, db, "SELECT string_agg(address, ',') FROM sespan.mail_suppression"); a != "new@b.co" {
		t.Errorf("suppressions left: %s", a)
	}
}

func TestMailSuppressByHand(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	admin := db.Login(t, "", "sespan_admin")
	staff := &pgtest.DB{Pool: admin.Pool}
	if got := mailValue[string](t, staff, "SELECT address || scope || reason FROM sespan.mail_suppress(' Sari@Example.co ', detail => 'asked by phone', actor => 'budi')"); got != "sari@example.coallmanual" {
		t.Error(got)
	}
	for want, call := range map[string]string{
		"address":    "sespan.mail_suppress('Sari <sari@example.co>')",
		"scope":      "sespan.mail_suppress('sari@example.co', 'some')",
		"expires_at": "sespan.mail_suppress('sari@example.co', expires_at => now() - interval '1 hour')",
	} {
		_, err := staff.Pool.Exec(t.Context(), "SELECT "+call)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SP003") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if n := mailValue[int](t, staff, "SELECT count(*) FROM sespan.mail_unsuppress('SARI@example.co', 'budi')"); n != 1 {
		t.Errorf("%d rows were deleted", n)
	}
	if n := mailValue[int](t, staff, "SELECT count(*) FROM sespan.mail_unsuppress('sari@example.co')"); n != 0 {
		t.Errorf("again: %d", n)
	}
	if got := mailValue[string](t, db, "SELECT string_agg(actor || ' ' || action || ' ' || subject_id || ' ' || (coalesce(after, before) ->> 'scope'), ', ' ORDER BY audit_id) FROM sespan.audit WHERE login = $1", admin.Name); got !=
		"budi suppress sari@example.co all, budi unsuppress sari@example.co all" {
		t.Errorf("audit: %s", got)
	}
	if _, err := db.Login(t, "", "sespan_producer").Pool.Exec(t.Context(), "SELECT sespan.mail_suppress('a@b.co')"); err == nil {
		t.Error("a producer suppresses")
	}
}

// A recipient on the suppression list gets nothing, and the mail says why.
func TestMailSuppressedRecipient(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mailExec(t, db, "SELECT sespan.mail_suppress('gone@b.co')")
	enqueue(t, db, "recipients => ARRAY['Gone@b.co', 'here@b.co'], body_text => 'x'")
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	if got := box.wait(t, 1); got[0].Recipient != "here@b.co" {
		t.Fatalf("sent to %s", got[0].Recipient)
	}
	eventually(t, db, "both are done", queueEmpty)
	if reply := mailValue[string](t, db, "SELECT reply FROM sespan.mail_outcome WHERE state = 'suppressed' AND reason = 'suppressed'"); reply != "manual" {
		t.Fatalf("reply %q", reply)
	}
	if len(box.sent()) != 1 {
		t.Fatal("the suppressed recipient got a mail")
	}
}
