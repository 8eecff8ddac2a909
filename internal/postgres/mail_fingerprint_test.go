package postgres_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// A key stands for a mail, not for the settings of the session that brings it.
func TestMailFingerprintWhateverTheSession(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	const call = `SELECT sespan.mail_enqueue(recipients => ARRAY['Jörg <a@b.co>', 'c@b.co'], subject => E'x \\ ü', body_html => '<p>', headers => '{"X-A": "1.50", "X-B": "é"}', send_at => '2026-01-01 00:00:00.123456+00',
		attachments => '[{"content": "aGk=", "filename": "a.txt"}]', idempotency_key => 'parts'), sespan.mail_enqueue(recipient => 'a@b.co', raw => 'Subject: x
From: a@b.co

ü\\'::bytea, idempotency_key => 'raw')`
	var first [2]int64
	if err := db.Pool.QueryRow(t.Context(), strings.ReplaceAll(call, "ü\\\\", `\303\274\\`)).Scan(&first[0], &first[1]); err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{
		"TimeZone = 'Asia/Jakarta'", "TimeZone = 'UTC'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'", "bytea_output = 'hex'", "extra_float_digits = -15",
		"xmloption = 'document'", "array_nulls = off", "quote_all_identifiers = on", "lc_numeric = 'C'", "client_encoding = 'LATIN1'", "search_path = ''", "plan_cache_mode = 'force_generic_plan'",
	} {
		conn, err := db.Pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SET "+setting); err != nil {
			t.Fatal(err)
		}
		var again [2]int64
		err = conn.QueryRow(t.Context(), strings.ReplaceAll(call, "ü\\\\", `\303\274\\`)).Scan(&again[0], &again[1])
		if strings.HasPrefix(setting, "client_encoding") { // the statement's own letters would be other ones
			err = conn.QueryRow(t.Context(), strings.NewReplacer("ü\\\\", `\303\274\\`, "ü", "\xfc", "ö", "\xf6", "é", "\xe9").Replace(call)).Scan(&again[0], &again[1])
		}
		if err != nil || again != first {
			t.Errorf("%s: %v and not %v, %v", setting, again, first, err)
		}
		if err := conn.Hijack().Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What programs make anew at each building, and how bytes are spelled, is not the mail.
func TestMailFingerprintHoldsWhatIsTheMails(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	raw := func(date, boundary, text string) string {
		message := fmt.Sprintf("Date: %s\nSubject: x\r\nmessage-id:\r\n <%s@host>\r\nContent-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n\r\n%s\r\n--%s--\r\n", date, boundary, boundary, boundary, text, boundary)
		return `recipient => 'a@b.co', raw => '\x` + hex.EncodeToString([]byte(message)) + `'`
	}
	file := strings.Repeat("0123456789", 600) // stored by its digest
	content := base64.StdEncoding.EncodeToString([]byte(file))
	with := func(attachment, html, headers string) string {
		return fmt.Sprintf(`recipient => 'a@b.co', body_html => '%s', attachments => '[%s]', headers => '%s'`, html, attachment, headers)
	}
	first := raw("Mon, 02 Feb 2026 10:00:00 +0000", "===============1111==", "hello")
	for name, c := range map[string]struct {
		first, again string
		same         bool
	}{
		"raw":                    {first, raw("Tue, 03 Feb 2026 10:00:00 +0000", "===============2222==", "hello"), true},
		"another raw":            {first, raw("Mon, 02 Feb 2026 10:00:00 +0000", "===============1111==", "Hello"), false},
		"base64 in lines":        {with(`{"content": "aGk="}`, "x", "{}"), with(`{"content": "aG\nk="}`, "x", "{}"), true},
		"by digest":              {with(`{"content": "`+content+`"}`, "x", "{}"), with(`{"sha256": "`+mailValue[string](t, db, "SELECT encode(sha256($1), 'hex')", []byte(file))+`"}`, "x", "{}"), true},
		"another file":           {with(`{"content": "aGk="}`, "x", "{}"), with(`{"content": "aGo="}`, "x", "{}"), false},
		"another name":           {with(`{"content": "aGk=", "filename": "a"}`, "x", "{}"), with(`{"content": "aGk=", "filename": "b"}`, "x", "{}"), false},
		"another content id":     {with(`{"content": "aGk=", "content_id": "<1@h>"}`, `<img src="cid:1@h">`, "{}"), with(`{"content": "aGk=", "content_id": "2@h"}`, `<img src="cid:2@h">`, "{}"), true},
		"a Message-ID":           {with(`{"content": ""}`, "x", `{"Message-ID": "<1@h>", "X-A": "1"}`), with(`{"content": ""}`, "x", `{"message-id": "<2@h>", "x-a": "1"}`), true},
		"another header":         {with(`{"content": ""}`, "x", `{"X-A": "1"}`), with(`{"content": ""}`, "x", `{"X-A": "2"}`), false},
		"no member and a null":   {with(`{"content": "aGk=", "filename": null}`, "x", "{}"), with(`{"content": "aGk="}`, "x", "{}"), true},
		"another send_at":        {`recipient => 'a@b.co', body_text => 'x', send_at => '2026-01-01 00:00Z'`, `recipient => 'a@b.co', body_text => 'x', send_at => '2026-01-01 00:01Z'`, false},
		"text and not HTML":      {`recipient => 'a@b.co', body_text => 'x'`, `recipient => 'a@b.co', body_html => 'x'`, false},
		"a recipient beside one": {`recipient => 'a@b.co', body_text => 'x'`, `recipients => ARRAY['a@b.co', 'b@b.co'], body_text => 'x'`, false},
	} {
		id := enqueue(t, db, c.first+", idempotency_key => '"+name+"'")
		var again int64
		err := db.Pool.QueryRow(t.Context(), "SELECT sespan.mail_enqueue("+c.again+", idempotency_key => '"+name+"')").Scan(&again)
		if c.same && (err != nil || again != id) || !c.same && (err == nil || !strings.Contains(err.Error(), "was used for another mail")) {
			t.Errorf("%s: %d, then %d, %v", name, id, again, err)
		}
	}
}

// A mail for a moment that has passed is of the day on which it is sent.
func TestMailDateOfAPastSendAt(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', send_at => '2001-02-03 04:05Z'")
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	year := mailValue[string](t, db, "SELECT to_char(now() AT TIME ZONE 'UTC', ' YYYY ')")
	if got := string(box.wait(t, 1)[0].Data); !strings.Contains(got[:60], year) {
		t.Errorf("it is dated %.60q", got)
	}
}
