package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/pgtest"
)

func TestMailEnqueueRefusesByName(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	ok := "recipient => 'a@b.co', body_text => 'x', "
	cases := map[string][2]string{ // what: arguments, the parameter that is named
		"no recipient":             {"body_text => 'x'", "recipient"},
		"no body":                  {"recipient => 'a@b.co'", "body_text"},
		"no domain":                {"recipient => 'a', body_text => 'x'", "recipient"},
		"two dots":                 {"recipient => 'a@b..co', body_text => 'x'", "recipient"},
		"hyphen first":             {"recipient => 'a@-b.co', body_text => 'x'", "recipient"},
		"two addresses":            {"recipient => 'a@b.co,c@d.co', body_text => 'x'", "recipient"},
		"long local part":          {"recipient => repeat('a', 65) || '@b.co', body_text => 'x'", "recipient"},
		"line break in address":    {`recipient => E'a@b.co\r\nBcc: c@d.co', body_text => 'x'`, "recipient"},
		"line break in name":       {`recipient => E'A\nBcc: c@d.co <a@b.co>', body_text => 'x'`, "recipient"},
		"bad one of a list":        {"recipients => ARRAY['a@b.co', 'b'], body_text => 'x'", "recipients"},
		"NULL in a list":           {"recipients => ARRAY['a@b.co', NULL], body_text => 'x'", "recipients"},
		"too many":                 {"recipients => (SELECT array_agg(i || '@b.co') FROM generate_series(1, 1001) i), body_text => 'x'", "recipients"},
		"bad cc":                   {ok + "cc => ARRAY['<>']", "cc"},
		"bad bcc":                  {ok + "bcc => ARRAY['a b@c.co']", "bcc"},
		"line break in subject":    {ok + `subject => E'a\r\nBcc: c@d.co'`, "subject"},
		"line break in sender":     {ok + `sender => E'A\r\n <a@b.co>'`, "sender"},
		"bad reply_to":             {ok + "reply_to => 'nobody'", "reply_to"},
		"header with space":        {ok + `headers => '{"X A": "1"}'`, "headers"},
		"header with colon":        {ok + `headers => '{"X:": "1"}'`, "headers"},
		"header twice":             {ok + `headers => '{"X-A": "1", "x-a": "2"}'`, "headers"},
		"header not text":          {ok + `headers => '{"X-A": 1}'`, "headers"},
		"header injection":         {ok + `headers => '{"X-A": "1\r\nBcc: c@d.co"}'`, "headers"},
		"header of ours":           {ok + `headers => '{"content-type": "text/html"}'`, "headers"},
		"headers no object":        {ok + `headers => '["X-A"]'`, "headers"},
		"message-id no id":         {ok + `headers => '{"Message-ID": "x"}'`, "headers"},
		"attachments no list":      {ok + `attachments => '{}'`, "attachments"},
		"attachment no base64":     {ok + `attachments => '[{"content": "%"}]'`, "attachments"},
		"attachment without":       {ok + `attachments => '[{"filename": "a"}]'`, "attachments"},
		"attachment unknown":       {ok + `attachments => '[{"content": "", "path": "/etc/passwd"}]'`, "attachments"},
		"attachment type":          {ok + `attachments => '[{"content": "", "content_type": "text"}]'`, "attachments"},
		"attachment name":          {ok + `attachments => '[{"content": "", "filename": "a\r\nb"}]'`, "attachments"},
		"raw without header":       {`recipient => 'a@b.co', raw => 'hello'`, "raw"},
		"raw with a part":          {`recipient => 'a@b.co', raw => 'A: b', subject => 'x'`, "raw"},
		"priority":                 {ok + "priority => 10", "priority"},
		"priority NULL":            {ok + "priority => NULL", "priority"},
		"send_at in years":         {ok + "send_at => now() + interval '3 years'", "send_at"},
		"expired already":          {ok + "expires_at => now()", "expires_at"},
		"expires before it starts": {ok + "send_at => now() + interval '2 hours', expires_at => now() + interval '1 hour'", "expires_at"},
		"category":                 {ok + "category => 'a b'", "category"},
		"on_unknown":               {ok + "on_unknown => 'drop'", "on_unknown"},
		"retain_body":              {ok + "retain_body => NULL", "retain_body"},
		"key":                      {ok + "idempotency_key => ''", "idempotency_key"},
		"too large":                {"recipient => 'a@b.co', body_text => repeat('x', 26214401)", "body_text"},
	}
	for what, c := range cases {
		_, err := db.Pool.Exec(t.Context(), "SELECT sespan.mail_enqueue("+c[0]+")")
		pe, refused := errors.AsType[*pgconn.PgError](err)
		if !refused || pe.Code != "SP003" || !strings.HasPrefix(pe.Message, c[1]+": ") || !strings.Contains(pe.Hint, c[1]) {
			t.Errorf("%s: got %v, want SP003 with a message that begins with %q", what, err, c[1]+": ")
		}
	}
	if n := mailValue[int](t, db, "SELECT (SELECT count(*) FROM sespan.mail_queue) + (SELECT count(*) FROM sespan.mail_message)"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestMailEnqueueTakes(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	cases := map[string][2]string{ // arguments, the To header
		"bare":           {"recipient => 'a@B.Co'", "{a@b.co}"},
		"name":           {"recipient => 'Anna Smith <a@b.co>'", `{"Anna Smith <a@b.co>"}`},
		"name to quote":  {"recipient => 'Smith, Anna <a@b.co>'", `{"\"Smith, Anna\" <a@b.co>"}`},
		"name quoted":    {`recipient => '"Smith, \"A\"" <a@b.co>'`, `{"\"Smith, \\\"A\\\"\" <a@b.co>"}`},
		"name with a \"": {`recipient => 'A "B <a@b.co>'`, `{"\"A \\\"B\" <a@b.co>"}`},
		"other scripts":  {"recipient => 'Büro <ü@bücher.example>'", `{"Büro <ü@bücher.example>"}`},
		"localhost":      {"recipient => 'root@localhost'", "{root@localhost}"},
		"both":           {"recipient => 'a@b.co', recipients => ARRAY['c@d.co']", "{a@b.co,c@d.co}"},
		"bcc alone":      {"bcc => ARRAY['a@b.co']", "{}"},
		"a smallint":     {"recipient => 'a@b.co', priority => 3::smallint", "{a@b.co}"},
		"own message-id": {`recipient => 'a@b.co', headers => '{"Message-ID": "<1@b.co>"}'`, "{a@b.co}"},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			id := enqueue(t, db, c[0]+", body_text => 'x'")
			if got := mailValue[string](t, db, "SELECT to_addresses::text FROM sespan.mail_message WHERE message_id = $1", id); got != c[1] {
				t.Errorf("To %s, want %s", got, c[1])
			}
		})
	}
}

func TestMailIdempotencyKeyGivesTheSameMessage(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	first := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', idempotency_key => 'order-1'")
	if again := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', idempotency_key => 'order-1'"); again != first {
		t.Errorf("the same key gave %d, then %d", first, again)
	}
	_, err := db.Pool.Exec(t.Context(), "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'y', idempotency_key => 'order-1')")
	if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.Code != "SP003" || !strings.HasPrefix(pe.Message, "idempotency_key: ") {
		t.Errorf("another mail under the key: %v", err)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue"); n != 1 {
		t.Errorf("%d rows", n)
	}
	// The key outlives the hot row.
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	eventually(t, db, "it is sent", queueEmpty)
	if again := enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', idempotency_key => 'order-1'"); again != first {
		t.Errorf("after sending the key gave %d, not %d", again, first)
	}
}

// Two requests with one key at once: the second waits and then follows the first.
func TestMailIdempotencyKeyOfAnOpenTransaction(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const mail = "SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', idempotency_key => 'k')"
	if _, err := tx.Exec(t.Context(), mail); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { _, err := db.Pool.Exec(t.Context(), mail); second <- err }()
	eventually(t, db, "the second waits", "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted)")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestMailBatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	ids := mailValue[[]int64](t, db, `SELECT sespan.mail_enqueue_batch('[
		{"recipient": "a@b.co", "body_text": "x", "priority": 1, "send_at": null},
		{"recipients": ["b@b.co"], "cc": ["c@b.co"], "raw": "U3ViamVjdDogeA0KDQp5", "retain_body": true}]')`)
	if len(ids) != 2 || ids[0] >= ids[1] {
		t.Errorf("ids %v", ids)
	}
	for what, want := range map[string]string{
		`[{"recipient": "a@b.co", "body_text": "x"}, {"recipient": "a", "body_text": "x"}]`: "mails[1].recipient: ",
		`[{"recipient": "a@b.co", "body": "x"}]`:                                            "mails[0].body: ",
		`[{"recipient": "a@b.co", "body_text": "x", "send_at": "soon"}]`:                    "mails[0]: ",
		`[{"recipient": "a@b.co", "body_text": "x", "cc": "c@b.co"}]`:                       "mails[0].cc: ",
		`[7]`: "mails[0]: ",
		`{}`:  "mails",
	} {
		_, err := db.Pool.Exec(t.Context(), "SELECT sespan.mail_enqueue_batch($1)", what)
		if pe, ok := errors.AsType[*pgconn.PgError](err); !ok || pe.Code != "SP003" || !strings.HasPrefix(pe.Message, want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_queue"); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}
