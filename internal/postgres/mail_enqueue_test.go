package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/devtools/pgtest"
)

// refusedMail gives the parameter that an SP003 names, "" for none.
func refusedMail(tb testing.TB, db *pgtest.DB, statement string) string {
	tb.Helper()
	_, err := db.Pool.Exec(tb.Context(), statement)
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pe.Code != "SP003" {
		tb.Errorf("%s: %v, want SP003", statement, err)
		return ""
	}
	parameter, _, _ := strings.Cut(pe.Message, ": ")
	if !strings.Contains(pe.Hint, parameter) {
		tb.Errorf("%s: the hint %q does not name %s", statement, pe.Hint, parameter)
	}
	return parameter
}

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
		"long local part":          {"recipient => repeat('a', 250) || '@b.co', body_text => 'x'", "recipient"},
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
		"attachment by bad digest": {ok + `attachments => '[{"sha256": "00"}]'`, "attachments"},
		"attachment not stored":    {ok + `attachments => '[{"sha256": "` + strings.Repeat("0", 64) + `"}]'`, "attachments"},
		"attachment both ways":     {ok + `attachments => '[{"content": "", "sha256": "` + strings.Repeat("0", 64) + `"}]'`, "attachments"},
		"attachment no object":     {ok + `attachments => '["x"]'`, "attachments"},
		"attachment number":        {ok + `attachments => '[{"content": 1}]'`, "attachments"},
		"attachment id":            {ok + `attachments => '[{"content": "", "content_id": "a b"}]'`, "attachments"},
		"101 attachments":          {ok + `attachments => (SELECT jsonb_agg('{"content": ""}'::jsonb) FROM generate_series(1, 101))`, "attachments"},
		"attachments too large":    {ok + `attachments => jsonb_build_array(jsonb_build_object('content', repeat('QUFB', 6553601)))`, "body_text"},
		"NUL in raw":               {`recipient => 'a@b.co', raw => 'A: b\000'::bytea`, "raw"},
		"raw too large":            {`recipient => 'a@b.co', raw => (E'A: b\n' || repeat(E'\nx', 13107201))::bytea`, "raw"},
		"raw with headers":         {`recipient => 'a@b.co', raw => 'A: b', headers => '{"X": "y"}'`, "raw"},
		"subject too long":         {ok + "subject => repeat('x', 10001)", "subject"},
		"subject NULL":             {ok + "subject => NULL", "subject"},
		"headers too large":        {ok + `headers => jsonb_build_object('X-A', repeat('x', 65536))`, "headers"},
		"header ends":              {ok + `headers => '{"X-A": "1\u007f"}'`, "headers"},
		"IDN label too long":       {"recipient => 'a@' || repeat('ü', 64) || '.example', body_text => 'x'", "recipient"},
		"254 bytes":                {"recipient => 'a@' || repeat('b.', 130) || 'co', body_text => 'x'", "recipient"},
		"no-break space":           {"recipient => E'a\u00a0b@b.co', body_text => 'x'", "recipient"},
		"line separator":           {"recipient => E'a\u2028@b.co', body_text => 'x'", "recipient"},
		"C1 control in name":       {"recipient => E'A\u0085B <a@b.co>', body_text => 'x'", "recipient"},
		"open quoted local part":   {`recipient => '"a b@b.co', body_text => 'x'`, "recipient"},
		"no address literal":       {"recipient => 'a@[localhost]', body_text => 'x'", "recipient"},
		"raw with a long line":     {`recipient => 'a@b.co', raw => ('A: b' || repeat(E'\n', 2) || repeat('x', 999))::bytea`, "raw"},
		"raw with a broken header": {`recipient => 'a@b.co', raw => E'A: b\nno field\n\nx'::bytea`, "raw"},
		"more in the brackets":     {"recipient => 'A <a@b.co> <c@d.co>', body_text => 'x'", "recipient"},
		"nested list":              {"recipients => ARRAY[ARRAY['a@b.co']], body_text => 'x'", "recipients"},
		"send_at infinity":         {ok + "send_at => 'infinity'", "send_at"},
		"expires in the past":      {ok + "expires_at => '2020-01-01Z'", "expires_at"},
		"expires -infinity":        {ok + "expires_at => '-infinity'", "expires_at"},
		"priority below":           {ok + "priority => -1", "priority"},
		"category too long":        {ok + "category => repeat('x', 65)", "category"},
		"category empty":           {ok + "category => ''", "category"},
		"on_unknown NULL":          {ok + "on_unknown => NULL", "on_unknown"},
		"key too long":             {ok + "idempotency_key => repeat('k', 201)", "idempotency_key"},
		"key with a line break":    {ok + "idempotency_key => E'a\nb'", "idempotency_key"},
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
		if got := refusedMail(t, db, "SELECT sespan.mail_enqueue("+c[0]+")"); got != c[1] {
			t.Errorf("%s: SP003 names %q, want %q", what, got, c[1])
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
		"Han and Arabic": {"recipient => '用户@例子.广告', cc => ARRAY['مثال@مثال.إختبار']", "{用户@例子.广告}"},
		"punycode":       {"recipient => 'a@XN--BCHER-KVA.example'", "{a@xn--bcher-kva.example}"},
		"all of it":      {`recipient => 'a@b.co', cc => ARRAY['C <c@b.co>'], bcc => ARRAY['d@b.co'], sender => 'Shop <s@b.co>', reply_to => 'r@b.co', subject => 'Über', body_html => '<img src="cid:logo">', headers => '{"X-A": "ä"}', attachments => '[{"filename": "l.png", "content_type": "image/png", "content_id": "<logo>", "content": "aGk="}]', priority => 0, send_at => now() + interval '365 days', expires_at => now() + interval '366 days', category => 'order', idempotency_key => 'k', on_unknown => 'hold', retain_body => true`, "{a@b.co}"},
		"localhost":      {"recipient => 'root@localhost'", "{root@localhost}"},
		"quoted local":   {`recipient => '"a@b c"@B.co'`, `{"\"a@b c\"@b.co"}`},
		"dots":           {"recipient => 'a..b.@docomo.example'", "{a..b.@docomo.example}"},
		"long local":     {"recipient => repeat('a', 70) || '@b.co'", "{" + strings.Repeat("a", 70) + "@b.co}"},
		"underscore":     {"recipient => 'a@b_c.co'", "{a@b_c.co}"},
		"literal":        {"recipient => 'A <a@[IPv6:2001:DB8::1]>'", `{"A <a@[ipv6:2001:db8::1]>"}`},
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

// The content of a claim is bounded by what enqueue measured: a short mail to a
// thousand people has a long To line in each of its rows.
func TestMailSizeHasTheAddressees(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueue(t, db, "recipients => (SELECT array_agg('A rather long name <r' || i || '@example.org>') FROM generate_series(1, 1000) i), body_text => 'x'")
	if size := mailValue[int](t, db, "SELECT min(size_bytes) FROM sespan.mail_queue"); size < 35_000 {
		t.Errorf("%d bytes for a thousand addressees", size)
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
	if got := refusedMail(t, db, "SELECT sespan.mail_enqueue_batch('{}')"); got != "mails" {
		t.Errorf("a batch that is no list: %q is named", got)
	}
	ids := mailValue[[]int64](t, db, `SELECT sespan.mail_enqueue_batch('[
		{"recipient": "a@b.co", "body_text": "x", "priority": 1, "send_at": null},
		{"recipients": ["b@b.co"], "cc": ["c@b.co"], "raw": "U3ViamVjdDogeA0KDQp5", "retain_body": true}]')`)
	if len(ids) != 2 || ids[0] >= ids[1] {
		t.Errorf("ids %v", ids)
	}
	for what, want := range map[string]string{
		`[{"recipient": "a@b.co", "body_text": "x"}, {"recipient": "a", "body_text": "x"}]`:                      "mails[1].recipient: ",
		`[{"recipient": "a@b.co", "body": "x"}]`:                                                                 "mails[0].body: ",
		`[{"recipient": "a@b.co", "body_text": "x", "send_at": "soon"}]`:                                         "mails[0].send_at: ",
		`[{"recipient": "a@b.co", "body_text": "x", "cc": "c@b.co"}]`:                                            "mails[0].cc: ",
		`[{"recipient": "a@b.co", "body_text": "x"}, {"recipient": "b@b.co", "body_text": "x", "priority": 11}]`: "mails[1].priority: ",
		`[{"recipient": "a@b.co", "body_text": "x", "headers": {"To": "x"}}]`:                                    "mails[0].headers: ",
		`[{"recipient": "a@b.co", "body_text": "x", "priority": "x"}]`:                                           "mails[0].priority: ",
		`[{"recipient": "a@b.co", "body_text": "x"}, {"recipient": "b@b.co", "raw": "%"}]`:                       "mails[1].raw: ",
		`[{"recipient": "a@b.co", "subject": "x"}]`:                                                              "mails[0].body_text: ",
		`[null]`: "mails[0]: ",
		`[7]`:    "mails[0]: ",
		`{}`:     "mails",
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

// Plain mails of a batch go in together, others one by one, and all in order; the
// rows are those that single calls would have made.
func TestMailBatchIsTheSameAsSingleCalls(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mails := `[
		{"recipient": "Anna <A@B.co>", "subject": "s", "body_text": "x", "body_html": "<p>", "sender": "Shop <s@b.co>", "reply_to": "r@b.co", "headers": {"X-A": "1"}, "category": "news", "priority": 3},
		{"recipient": "b@b.co", "body_html": "y", "send_at": "` + after(24*time.Hour) + `", "expires_at": "` + after(48*time.Hour) + `", "on_unknown": "hold", "retain_body": true},
		{"recipient": "c@b.co", "body_text": "z", "attachments": [{"content": "aGk="}]},
		{"recipient": "d@b.co", "body_text": "z", "idempotency_key": "k"},
		{"recipient": "e@b.co", "body_text": "z", "headers": null, "priority": null},
		{"recipients": ["f@b.co", "g@b.co"], "body_text": "z"},
		{"recipient": "h@b.co", "body_text": "last"}]`
	ids := mailValue[[]int64](t, db, "SELECT sespan.mail_enqueue_batch($1)", mails)
	db.Exec(t, "DELETE FROM sespan.mail_idempotency")
	db.Exec(t, `SELECT sespan.mail_enqueue_one(m, ARRAY['recipient', 'recipients', 'subject', 'body_text', 'body_html', 'sender', 'reply_to', 'cc', 'bcc', 'headers',
		'attachments', 'raw', 'priority', 'send_at', 'expires_at', 'category', 'idempotency_key', 'on_unknown', 'retain_body']) FROM jsonb_array_elements($1) m`, mails)
	if len(ids) != 7 || !slices.IsSorted(ids) {
		t.Fatalf("ids %v", ids)
	}
	const differ = `WITH m AS (SELECT row_number() OVER (ORDER BY message_id) AS n, message_id > $1 AS single, to_jsonb(x) - '{message_id,created_at}'::text[] AS content
			FROM sespan.mail_message x),
		q AS (SELECT row_number() OVER (ORDER BY queue_id) AS n, message_id > $1 AS single, to_jsonb(x) - '{queue_id,message_id,created_at,due_at}'::text[] AS content
			FROM sespan.mail_queue x)
		SELECT coalesce(string_agg(concat(a.content, ' / ', b.content), E'\n'), '') FROM (SELECT * FROM m UNION ALL SELECT * FROM q) a
		LEFT JOIN (SELECT * FROM m UNION ALL SELECT * FROM q) b ON b.single AND b.n = a.n + CASE WHEN a.content ? 'sealed' THEN 7 ELSE 8 END AND (a.content ? 'sealed') = (b.content ? 'sealed')
		WHERE NOT a.single AND a.content IS DISTINCT FROM b.content`
	if got := mailValue[string](t, db, differ, ids[6]); got != "" {
		t.Errorf("in the batch / alone:\n%s", got)
	}
	if got := mailValue[string](t, db, "SELECT string_agg(recipient || ' ' || state, ', ' ORDER BY queue_id) FROM sespan.mail_queue WHERE message_id <= $1", ids[6]); got !=
		"A@b.co queued, b@b.co scheduled, c@b.co queued, d@b.co queued, e@b.co queued, f@b.co queued, g@b.co queued, h@b.co queued" {
		t.Errorf("rows %s", got)
	}
}

// after is a moment of JSON, so long from now.
func after(d time.Duration) string { return time.Now().UTC().Add(d).Format(time.RFC3339) }
