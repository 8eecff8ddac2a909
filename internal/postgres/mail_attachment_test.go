package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

func inlineFile(content []byte) string {
	return fmt.Sprintf(`attachments => '[{"filename": "a.pdf", "content_type": "application/pdf", "content": %q}]'`, base64.StdEncoding.EncodeToString(content))
}

// filesOf is what a worker sends along with each claimed mail, by recipient.
func filesOf(tb testing.TB, db *pgtest.DB, n int) map[string][]byte {
	tb.Helper()
	box := newMailbox(nil)
	stop := startWorker(tb, db, box, nil)
	defer stop()
	got := map[string][]byte{}
	for _, e := range box.wait(tb, n) {
		_, after, _ := bytes.Cut(e.Data, []byte("a.pdf"))
		_, after, _ = bytes.Cut(after, []byte("\r\n\r\n"))
		body, _, _ := bytes.Cut(after, []byte("\r\n--"))
		decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
		if err != nil {
			tb.Fatal(err)
		}
		got[e.Recipient] = decoded
	}
	return got
}

// A newsletter's picture is stored once, however many mails carry it, and each
// recipient gets it whole.
func TestMailFilesAreStoredOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	content := bytes.Repeat([]byte{0, 1, 2, 0xff}, 30_000)
	for i := range 3 {
		enqueue(t, db, fmt.Sprintf("recipient => 'r%d@b.co', body_text => 'x', %s", i, inlineFile(content)))
	}
	enqueue(t, db, "recipient => 'small@b.co', body_text => 'x', "+inlineFile([]byte("tiny")))
	if got := mailValue[string](t, db, "SELECT concat_ws(' ', count(*), sum(size_bytes), (SELECT count(*) FROM sespan.mail_attachment_use)) FROM sespan.mail_attachment"); got != "1 120000 3" {
		t.Errorf("files, bytes and references: %s", got)
	}
	if got := mailValue[string](t, db, "SELECT string_agg((size_bytes > 160000)::text, ' ' ORDER BY queue_id) FROM sespan.mail_queue"); got != "true true true false" {
		t.Errorf("queue rows: %s", got)
	}
	for who, file := range filesOf(t, db, 4) {
		if want := content; who == "small@b.co" {
			if string(file) != "tiny" {
				t.Errorf("%s got %q", who, file)
			}
		} else if !bytes.Equal(file, want) {
			t.Errorf("%s got %d bytes", who, len(file))
		}
	}
}

func TestMailAttachmentPutInPieces(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	site := db.Login(t, "", "sespan_producer").Pool
	content := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB
	digest := sha256.Sum256(content)
	tx, err := site.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	const piece = 1 << 20
	var stored bool
	for n := 0; n*piece < len(content); n++ {
		part := content[n*piece : min(len(content), (n+1)*piece)]
		last := (n+1)*piece >= len(content)
		if err := tx.QueryRow(t.Context(), "SELECT sespan.mail_attachment_put($1, $2, $3, $4)", digest[:], n, part, last).Scan(&stored); err != nil || stored != last {
			t.Fatalf("piece %d: %v, %v", n, stored, err)
		}
	}
	if mailValue[bool](t, db, "SELECT sespan.mail_attachment_known($1)", digest[:]) {
		t.Error("known before the commit")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mailValue[[]byte](t, db, "SELECT sha256(string_agg(content, '' ORDER BY piece)) FROM sespan.mail_attachment_piece"); !bytes.Equal(got, digest[:]) {
		t.Error("the content is not what was put")
	}
	if !mailValue[bool](t, db, "SELECT sespan.mail_attachment_put($1, 0, $2, false)", digest[:], content[:piece]) {
		t.Error("the first piece of a known file does not say that it is known")
	}
}

func TestMailAttachmentPutRefuses(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for arguments, parameter := range map[string]string{
		"'abc', 0, 'x'":                               "sha256",
		"NULL, 0, 'x'":                                "sha256",
		"sha256('y'), 0, 'x'":                         "sha256",
		"sha256('x'), -1, 'x'":                        "piece",
		"sha256('x'), NULL, 'x'":                      "piece",
		"sha256('x'), 1, 'x'":                         "piece",
		"sha256('x'), 0, NULL":                        "content",
		"sha256('x'), 0, repeat('x', 1048577)::bytea": "content",
		"sha256('x'), 0, 'x', NULL":                   "last",
	} {
		if got := refusedMail(t, db, "SELECT sespan.mail_attachment_put("+arguments+")"); got != parameter {
			t.Errorf("%s: %q, want %s", arguments, got, parameter)
		}
	}
}

// Files that no mail needs go after a day; what an open transaction refers to,
// what a mail needs and what is young stays. A second copy goes.
func TestMailFilesAreSweptWithoutAMail(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	retention, s := openRetention(t, db), postgres.NewMail(openMailPool(t, db.URL))
	file := func(name string) []byte { return bytes.Repeat([]byte(name), 5000) }
	for _, name := range []string{"sent", "waiting"} {
		enqueue(t, db, "recipient => '"+name+"@b.co', body_text => 'x', "+inlineFile(file(name)))
		if name == "sent" {
			settle(t, s, mail.StateSent, claim(t, s, 1, 1, time.Minute)...)
		}
	}
	for _, name := range []string{"open", "young", "orphan"} {
		db.Exec(t, "SELECT sespan.mail_attachment_put(sha256($1), 0, $1)", file(name))
	}
	db.Exec(t, "SELECT sespan.mail_attachment_put(sha256('half'), 0, 'hal', false)")
	db.Exec(t, "SELECT sespan.mail_attachment_store(sha256($1), $1)", file("waiting"))
	db.Exec(t, "UPDATE sespan.mail_attachment SET seen_at = now() - interval '25 hours' WHERE sha256 <> sha256($1)", file("young"))
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), "SELECT sespan.mail_attachment_known(sha256($1))", file("open")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again: nothing more
		if err := retention.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := mailValue[string](t, db, `SELECT string_agg(rtrim(left(convert_from(p.content, 'UTF8'), 7)), ' ' ORDER BY attachment_id)
		FROM sespan.mail_attachment JOIN sespan.mail_attachment_piece p USING (attachment_id)`)
	if want := "waiting openope youngyo"; got != want {
		t.Errorf("files %q are left, want %q", got, want)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_attachment_use"); n != 1 {
		t.Errorf("%d references are left, want that of the waiting mail", n)
	}
}

// Down and up again: mails that wait keep their files.
func TestMailFilesSurviveAStepBack(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	content := bytes.Repeat([]byte("long"), 2000)
	enqueue(t, db, "recipient => 'a@b.co', body_text => 'x', "+inlineFile(content))
	latest := mailValue[int](t, db, "SELECT version FROM sespan.schema_version")
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{Down: latest - 7}); err != nil {
		t.Fatal(err)
	}
	got := mailValue[string](t, db, "SELECT attachments -> 0 ->> 'content' FROM sespan.mail_message")
	if file, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(got, "\n", "")); err != nil || !bytes.Equal(file, content) {
		t.Errorf("%d bytes came back, %v", len(file), err)
	}
	if _, err := postgres.Migrate(t.Context(), db.URL, postgres.MigrateOptions{ShareRoles: true}); err != nil {
		t.Fatal(err)
	}
	if files := filesOf(t, db, 1); !bytes.Equal(files["a@b.co"], content) {
		t.Error("the file is not what it was")
	}
}

// A file that is stored once goes out with each mail that refers to it.
func TestMailFileByDigest(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	store := postgres.NewMail(openMailPool(t, db.URL))
	file := []byte(strings.Repeat("the same file ", 1000))
	sum := sha256.Sum256(file)
	for range 2 {
		tx, err := db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, piece := range [][]byte{file[:5000], file[5000:]} {
			if _, err := tx.Exec(t.Context(), "SELECT sespan.mail_attachment_put($1, $2, $3, $4)", sum[:], i, piece, i == 1); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tx.Exec(t.Context(), `SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', attachments => jsonb_build_array(jsonb_build_object(
			'filename', 'a.txt', 'content_type', 'text/plain', 'sha256', encode($1, 'hex'))))`, sum[:]); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rows := claim(t, store, 1, 10, time.Minute)
	if len(rows) != 2 {
		t.Fatalf("%d mails were claimed", len(rows))
	}
	for _, r := range rows {
		for name, content := range r.Stored.Files {
			if string(content) != string(file) {
				t.Errorf("%s has %d bytes, want %d", name, len(content), len(file))
			}
		}
		if len(r.Stored.Files) != 1 {
			t.Errorf("%d files", len(r.Stored.Files))
		}
	}
}
