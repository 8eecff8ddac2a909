package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
)

// refusedWith runs a statement that must fail, and gives the server's words.
func refusedWith(tb testing.TB, db *pgtest.DB, sql string, args ...any) *pgconn.PgError {
	tb.Helper()
	_, err := db.Pool.Exec(tb.Context(), sql, args...)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		tb.Fatalf("%s %v: %v", sql, args, err)
	}
	return refused
}

// What is wrong in a batch is named by its mail and its member, whatever the type of
// what stands there, and nothing of the batch is enqueued.
func TestMailBatchNamesTheMemberOfAWrongType(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for member, want := range map[string]string{
		`null`: "mails[1]: must be an object with the parameters", `7`: "mails[1]: must be an object with the parameters",
		`"a@b.co"`: "mails[1]: must be an object with the parameters", `["a@b.co"]`: "mails[1]: must be an object with the parameters",
		`{"priority": "urgent"}`: "mails[1].priority: must be 0", `{"priority": 3.7}`: "mails[1].priority: must be 0",
		`{"priority": 1e400}`: "mails[1].priority: must be 0", `{"priority": true}`: "mails[1].priority: must be 0",
		`{"send_at": "soon"}`: "mails[1].send_at: 'soon' is not a time", `{"send_at": 1763809200}`: "mails[1].send_at: must be text",
		`{"expires_at": "2026-13-45"}`: "mails[1].expires_at: '2026-13-45' is not a time", `{"retain_body": "perhaps"}`: "mails[1].retain_body: must be true or false",
		`{"body_text": {"a": 1}}`: "mails[1].body_text: must be text", `{"body_html": ["<p>"]}`: "mails[1].body_html: must be text",
		`{"subject": []}`: "mails[1].subject: must be text", `{"subject": 5}`: "mails[1].subject: must be text", `{"category": false}`: "mails[1].category: must be text",
		`{"recipient": ["a@b.co"]}`: "mails[1].recipient: must be text", `{"idempotency_key": {}}`: "mails[1].idempotency_key: must be text",
		`{"recipients": "a@b.co"}`: "mails[1].recipients: must be a list", `{"headers": []}`: "mails[1].headers: must be an object",
		`{"attachments": {}}`: "mails[1].attachments: must be a list", `{"subjekt": "x"}`: "mails[1].subjekt: is not a parameter",
		`{"raw": "@", "body_text": null}`: "mails[1].raw: is not base64",
	} {
		refused := refusedWith(t, db, `SELECT sespan.mail_enqueue_batch(jsonb_build_array(good, CASE WHEN jsonb_typeof(m) = 'object' THEN good || m ELSE m END))
			FROM (SELECT '{"recipient": "a@b.co", "body_text": "x"}'::jsonb AS good, $1::jsonb AS m) b`, member)
		if refused.Code != "SP003" || !strings.HasPrefix(refused.Message, want) || refused.Hint != "Nothing of the batch is enqueued." {
			t.Errorf("%s: %s %q (%s), want %q", member, refused.Code, refused.Message, refused.Hint, want)
		}
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_message"); n != 0 {
		t.Errorf("%d mails are enqueued", n)
	}
}

// One wrong mail of ten thousand is named, wherever it stands.
func TestMailBatchOfTenThousandWithOneWrong(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	refused := refusedWith(t, db, `SELECT sespan.mail_enqueue_batch((SELECT jsonb_agg(jsonb_build_object('recipient', CASE i WHEN 9998 THEN 'bad' ELSE 'a@b.co' END, 'body_text', 'x') ORDER BY i)
		FROM generate_series(0, 9999) i))`)
	if want := "mails[9998].recipient: 'bad' is not an e-mail address"; refused.Message != want {
		t.Errorf("%q, want %q", refused.Message, want)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue"); n != 0 {
		t.Errorf("%d mails are enqueued", n)
	}
}

// The hint speaks of the parameter, whichever function was called.
func TestMailRefusalsNameTheCalledFunction(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for call, parameter := range map[string]string{
		"mail_enqueue(recipient => 'a', body_text => 'x')": "recipient", "mail_suppress('a')": "address",
		"mail_attachment_put('a', 0, 'a')": "sha256", "mail_enqueue_batch('{}')": "mails",
	} {
		if refused := refusedWith(t, db, "SELECT sespan."+call); refused.Hint != "Correct the parameter "+parameter+"." {
			t.Errorf("%s: hint %q", call, refused.Hint)
		}
	}
}

// A pause that could hold no mail is refused: a pattern, or what is no domain.
func TestMailPauseRefusesWhatIsNoDomain(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for _, domain := range []string{"*.b.co", "b..co", ".co", "-b.co", "a,b.co", strings.Repeat("a", 64) + ".co"} {
		refused := refusedWith(t, db, "SELECT sespan.mail_pause($1)", "domain:"+domain)
		if refused.Code != "22023" || !strings.Contains(refused.Message, "is not a domain; subdomains are named one by one") {
			t.Errorf("%s: %s %q", domain, refused.Code, refused.Message)
		}
	}
	if refused := refusedWith(t, db, "SELECT sespan.mail_pause('domain:bücher.example')"); !strings.Contains(refused.Hint, "ASCII form") {
		t.Errorf("a domain beyond ASCII: %q %q", refused.Message, refused.Hint)
	}
	db.Exec(t, "SELECT sespan.mail_pause('domain:B.CO'), sespan.mail_pause('domain:XN--bcher-kva.example')")
	if got := mailValue[string](t, db, "SELECT string_agg(what, ' ' ORDER BY what) FROM sespan.mail_pause"); got != "domain:b.co domain:xn--bcher-kva.example" {
		t.Errorf("paused: %s", got)
	}
	// One that an earlier version took can be ended.
	db.Exec(t, "INSERT INTO sespan.mail_pause (what, actor) VALUES ('domain:*.b.co', 'anna')")
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_resume('domain:*.b.co')"); n != 1 {
		t.Error("it can not be resumed")
	}
}

// A suppression ends at a moment that clients can read, or never.
func TestMailSuppressionRefusesFarTimes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for until, want := range map[string]string{"infinity": "never comes", "290000-01-01": "never comes", "-infinity": "in the past", "2020-01-01": "in the past"} {
		if refused := refusedWith(t, db, "SELECT sespan.mail_suppress('a@b.co', expires_at => $1)", until); !strings.HasPrefix(refused.Message, "expires_at: ") || !strings.Contains(refused.Message, want) {
			t.Errorf("%s: %q", until, refused.Message)
		}
	}
	db.Exec(t, "SELECT sespan.mail_suppress('a@b.co')")
	if rows, err := openMailAdmin(t, db).Suppressed(t.Context(), "", 10); err != nil || len(rows) != 1 || rows[0].ExpiresAt != nil {
		t.Errorf("%+v, %v", rows, err)
	}
}

// What could be enqueued and never be sent is refused: addresses of more than 254 bytes,
// characters of several bytes counted, and words that no line has room for.
func TestMailEnqueueRefusesWhatSMTPCannotCarry(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	long := strings.Repeat("x", 901)
	for call, want := range map[string]string{
		"recipient => repeat('é', 130) || '@b.co', body_text => 'x'":                                                      "recipient: ",
		"recipient => 'a@b.co', sender => 'Shop <' || repeat('é', 130) || '@b.co>', body_text => 'x'":                     "sender: ",
		`recipient => 'a@b.co', body_text => 'x', headers => '{"X-Long": "` + long + `"}'`:                                "headers: X-Long has more than 900 characters without a space",
		`recipient => 'a@b.co', body_text => 'x', headers => '{"List-Unsubscribe": "<https://b.co/` + long + `>"}'`:       "headers: List-Unsubscribe has more than 900",
		`recipient => 'a@b.co', body_text => 'x', headers => '{"Message-ID": "<` + strings.Repeat("x", 500) + `@b.co>"}'`: "headers: Message-ID has more than 500",
	} {
		if refused := refusedWith(t, db, "SELECT sespan.mail_enqueue("+call+")"); refused.Code != "SP003" || !strings.HasPrefix(refused.Message, want) {
			t.Errorf("%.80s: %s %q, want %q", call, refused.Code, refused.Message, want)
		}
	}
	for _, call := range []string{
		"recipient => repeat('é', 124) || '@b.co', body_text => 'x'", "recipient => repeat('a', 249) || '@b.co', body_text => 'x'",
		`recipient => 'a@b.co', body_text => 'x', headers => '{"X-Long": "` + strings.Repeat(strings.Repeat("x", 899)+" ", 40) + `"}'`,
		`recipient => 'a@b.co', body_text => 'x', headers => '{"X-Long": "é` + long + `"}'`, // becomes encoded words
	} {
		enqueue(t, db, call)
	}
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	box.wait(t, 4)
}
