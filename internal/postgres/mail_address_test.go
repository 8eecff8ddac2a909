package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/addresstest"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mailevent"
	"sespan/internal/postgres"
)

// Whatever the database's locale: a domain in capitals stays the domain that it is.
func TestMailGoesToTheDomainThatWasWritten(t *testing.T) {
	t.Parallel()
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		want := map[string]string{
			"INFO@MAIL.EXAMPLE": "INFO@mail.example", "İnfo@MAİL.example": "İnfo@xn--mail-swc.example", "x@maıl.example": "x@xn--mal-kua.example",
			"x@FAß.de": "x@xn--fa-hia.de", "x@💩.la": "x@xn--ls8h.la",
		}
		for given := range want {
			mailExec(t, db, "SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x')", given)
		}
		box := newMailbox(nil)
		startWorker(t, db, box, nil)
		got := map[string]bool{}
		for _, e := range box.wait(t, len(want)) {
			got[e.Recipient] = true
		}
		for _, recipient := range want {
			require.Contains(t, got, recipient)
		}
		eventually(t, db, "all are done", queueEmpty)
		// What was stored is what was written to.
		stored := mailValue[[]string](t, db, "SELECT array_agg(recipient) FROM sespan.mail_outcome")
		for _, recipient := range want {
			require.Contains(t, stored, recipient)
		}
	})
}

// One suppression and one pause for all spellings of a mailbox, none for its likes.
func TestMailSuppressionOfAllSpellings(t *testing.T) {
	t.Parallel()
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		admin := postgres.NewMailAdmin(openMailPool(t, db.URL))
		for _, spelling := range []string{"VICTIM@ｅxample.com", "JÖRG@example.com", "INFO@MAIL-IN.com", "x@FASS.de"} {
			_, err := admin.Suppress(t.Context(), spelling, "all", "", nil, "budi")
			require.NoError(t, err)
		}
		_, err := admin.Pause(t.Context(), "domain:BÜCHER.example", "budi")
		require.NoError(t, err)
		list, err := admin.Suppressed(t.Context(), "victim@ⓔxample.com", 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		others := []string{"info@maıl-in.com", "x@faß.de", "jorg@example.com", "ınfo@mail-in.com"}
		for _, address := range slices.Concat(addresstest.Spellings(), others, []string{"Jörg@EXAMPLE.com", "info@mail-in.com", "x@fass.de", "a@bu\u0308cher.example", "a@XN--BCHER-KVA.example"}) {
			mailExec(t, db, "SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x')", address)
		}
		box := newMailbox(nil)
		startWorker(t, db, box, nil)
		eventually(t, db, "all are done or parked", "SELECT NOT EXISTS (SELECT FROM sespan.mail_queue WHERE parked IS NULL)")
		require.Len(t, box.sent(), len(others))
		require.Equal(t, 2, mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue WHERE parked = 'domain:xn--bcher-kva.example'"))
		require.Equal(t, 131, mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_outcome WHERE state = 'suppressed'"))
		rows, err := admin.Unsuppress(t.Context(), "Victim@ExamplE.com", "budi")
		require.NoError(t, err)
		require.Len(t, rows, 1)
	})
}

// What SQL cannot compare it refuses, and says what to do.
func TestMailSuppressionBeyondASCIIHasAHint(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, call := range []string{"mail_suppress('a@bücher.example')", "mail_unsuppress('jörg@example.com')"} {
		var refused *pgconn.PgError
		_, err := db.Pool.Exec(t.Context(), "SELECT sespan."+call)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "SP003", refused.Code)
		require.Contains(t, refused.Hint, "ASCII form (xn--…), or give address_key")
	}
	db.Exec(t, "SELECT sespan.mail_suppress('JÖRG@example.com', address_key => 'jörg@example.com')")
	require.Equal(t, "jörg@example.com", mailValue[string](t, db, "SELECT address FROM sespan.mail_suppression"))
}

// A relay reports what stood in the envelope, in either alphabet and case.
func TestMailEventOfAnAddressBeyondASCII(t *testing.T) {
	t.Parallel()
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		s := postgres.NewMailEvents(openMailPool(t, db.ServiceURL(t)))
		for written, reported := range map[string]string{
			"INFO@MAIL.EXAMPLE": "info@mail.example", "Jörg@maıl.example": "Jörg@xn--mal-kua.example", "i@ｅxample.com": "I@EXAMPLE.COM",
		} {
			id, _ := sentMail(t, db, written, "ok")
			event := mailevent.Event{ID: written, Kind: mailevent.Bounce, Permanent: true, Recipient: reported, Mail: mailevent.Reference{MessageID: id}, At: time.Now()}
			require.Equal(t, mailevent.Suppressed, apply(t, s, event)[written], written)
		}
		require.Equal(t, "i@example.com info@mail.example jörg@xn--mal-kua.example",
			mailValue[string](t, db, `SELECT string_agg(address, ' ' ORDER BY address COLLATE "C") FROM sespan.mail_suppression`))
	})
}

// Names of headers are ASCII, too: MIME-Version and List-Id have letters that a Turkish locale folds otherwise.
func TestMailHeadersInATurkishLocale(t *testing.T) {
	t.Parallel()
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) { //nolint:thelper // a test, once for each database
		for _, headers := range []string{`{"DATE": "x"}`, `{"MIME-VERSION": "1.0"}`, `{"CONTENT-ID": "x"}`, `{"LIST-ID": "<a>", "list-id": "<b>"}`, `{"RECEIVED": "x"}`} {
			_, err := db.Pool.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', headers => $1::jsonb)", headers)
			require.ErrorContains(t, err, "headers", headers)
		}
		db.Exec(t, "SELECT sespan.mail_suppress('i@b.co', 'bulk')")
		db.Exec(t, `SELECT sespan.mail_enqueue(recipient => 'I@B.CO', body_text => 'x', headers => '{"LIST-UNSUBSCRIBE": "<HTTPS://b.co/u>"}')`)
		claimed := claim(t, postgres.NewMail(openMailPool(t, db.URL)), 7, 10, time.Minute)
		require.Equal(t, "manual", claimed[0].Suppressed)
		require.Contains(t, mailValue[[]string](t, db, "SELECT array_agg(action) FROM sespan.audit"), "suppress")
	})
}
