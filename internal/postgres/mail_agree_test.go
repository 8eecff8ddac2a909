package postgres_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/address"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// What mail_enqueue accepts is composed and arrives as it was meant; nothing is accepted and
// then dead. Both ways in are asked: one mail, and the same in a batch.
func TestMailChecksAgreeWithTheComposer(t *testing.T) {
	t.Parallel()
	const mails, most = 800, 400
	db := pgtest.NewDB(t)
	r := rand.New(rand.NewPCG(2026, 11)) // the same mails in each run
	taken, refused := map[int64]generated{}, map[string]int{}
	for n := range mails {
		g := generate(r)
		text, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		call := "SELECT sespan.mail_enqueue_one($1, ARRAY(SELECT jsonb_object_keys($1)))"
		if n%2 > 0 {
			call = "SELECT (sespan.mail_enqueue_batch(jsonb_build_array($1::jsonb)))[1]"
		}
		var id int64
		err = db.Pool.QueryRow(t.Context(), call, string(text)).Scan(&id)
		if wrong, ok := errors.AsType[*pgconn.PgError](err); ok && (wrong.Code == "SP003" || wrong.Code == "22P05") { // or U+0000, which jsonb does not have
			parameter, _, _ := strings.Cut(strings.TrimPrefix(wrong.Message, "mails[0]."), ":")
			refused[parameter]++
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		taken[id] = g
	}
	if len(taken) < most || len(refused) < 6 {
		t.Fatalf("%d are taken, refused are %v: the mails are not at the edge", len(taken), refused)
	}
	box := newMailbox(nil)
	startWorker(t, db, box, nil)
	eventually(t, db, "all are done", queueEmpty)
	rows, err := db.Pool.Query(t.Context(), "SELECT message_id, reply FROM sespan.mail_outcome WHERE state <> 'sent'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var reply string
		if err := rows.Scan(&id, &reply); err != nil {
			t.Fatal(err)
		}
		t.Errorf("accepted, and then dead with %q: %+.600v", reply, taken[id])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, e := range box.sent() {
		if problem := differs(taken[e.QueueID/1024], e); problem != "" {
			t.Errorf("%s: %+.600q became\n%.3000s", problem, fmt.Sprint(taken[e.QueueID/1024]), e.Data)
		}
		if reduced, err := e.ASCII(); err != nil {
			t.Errorf("without SMTPUTF8: %v of %+.600v", err, taken[e.QueueID/1024])
		} else if head, _, _ := bytes.Cut(reduced, []byte("\r\n\r\n")); taken[e.QueueID/1024].Raw == nil && address.ASCII(e.From) && !address.ASCII(string(head)) {
			t.Errorf("for a relay without SMTPUTF8: %s", head)
		}
	}
}

// differs says what a recipient does not read as it was given.
func differs(g generated, e mail.Envelope) string {
	for line := range bytes.SplitSeq(e.Data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") && g.Raw == nil {
			return "a line that no server takes"
		}
	}
	if g.Raw != nil {
		return ""
	}
	m, err := message.Read(bytes.NewReader(e.Data))
	if err != nil && !message.IsUnknownCharset(err) {
		return err.Error()
	}
	if got := unfolded(e.Data, "Subject"); !readsAs(got, g.Subject) {
		return fmt.Sprintf("subject %q", got)
	}
	for name, value := range g.Headers {
		free := map[string]bool{"X-A": true, "X-SMTPAPI": true, "Comments": true}[name]
		if got := unfolded(e.Data, name); free && !readsAs(got, value) {
			return fmt.Sprintf("%s %q", name, got)
		}
		if want := "<shop@example.com>"; strings.Contains(value, want) && name != "Message-ID" && name != "Resent-Bcc" && !strings.Contains(m.Header.Get(name), want) && !free {
			return fmt.Sprintf("%s lost its address: %q", name, m.Header.Get(name))
		}
	}
	for field, mailbox := range map[string]string{"From": g.Sender, "Reply-To": g.ReplyTo, "To": g.Recipients[0]} {
		if mailbox != "" && !namesMailbox(m.Header.Get(field), mailbox) {
			return fmt.Sprintf("%s %q for %q", field, m.Header.Get(field), mailbox)
		}
	}
	return lostFile(g, m)
}

// namesMailbox reports whether a header names the address, and whoever reads it the name.
func namesMailbox(header, mailbox string) bool {
	name, bare, found := strings.Cut(mailbox, "<")
	if !found {
		name, bare = "", mailbox
	}
	bare = strings.Trim(bare, "> ")
	at := strings.LastIndexByte(bare, '@')
	domain, err := address.Domain(bare[at+1:])
	if err != nil || !strings.Contains(header, bare[:at+1]+domain) {
		return err != nil
	}
	name = strings.Trim(name, " ")
	if strings.HasPrefix(name, `"`) && len(name) > 1 && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	plain := strings.NewReplacer(`\`, "", `"`, "", " ", "")
	return strings.Contains(plain.Replace(decoded(header)), plain.Replace(decoded(name)))
}

// lostFile looks for the bytes of each attachment.
func lostFile(g generated, m *message.Entity) string {
	var bodies []string
	walk := func(_ []int, part *message.Entity, err error) error {
		if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			return err
		}
		if part.MultipartReader() != nil {
			return nil
		}
		body, err := io.ReadAll(part.Body)
		bodies = append(bodies, string(body))
		return err
	}
	if err := m.Walk(walk); err != nil {
		return "" // an attachment that says it is a multipart and is none
	}
	all := lines(strings.Join(bodies, "\n"))
	for _, a := range g.Attachments {
		content, _ := base64.StdEncoding.DecodeString(a["content"])
		kind := strings.ToLower(a["content_type"])
		if strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "text/") { // which the reader takes apart, or decodes
			continue
		}
		if !strings.Contains(all, lines(string(content))) {
			return fmt.Sprintf("the attachment %q is not in %q", content, all)
		}
	}
	return ""
}

// unfolded is a header's value with its blanks, which readers merge.
func unfolded(data []byte, name string) string {
	head, _, _ := strings.Cut(string(data), "\r\n\r\n")
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t").Replace(head), "\r\n") {
		if value, found := strings.CutPrefix(line, name+": "); found {
			return value
		}
	}
	return ""
}

// readsAs reports whether a header says the value; one in ASCII may be encoded already.
func readsAs(header, value string) bool {
	return decoded(header) == decoded(value) || decoded(header) == strings.Trim(value, " \t")
}

func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// decoded is a header as people read it; what nobody can decode stays.
func decoded(s string) string {
	s = strings.Trim(s, " \t")
	raw := mime.WordDecoder{CharsetReader: func(charset string, _ io.Reader) (io.Reader, error) { return nil, errors.New(charset) }}
	if got, err := raw.DecodeHeader(s); err == nil {
		return got
	}
	return s
}
