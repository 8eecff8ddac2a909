package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/jackc/pgx/v5"
)

// fate is what the queue says of a recipient.
type fate struct {
	state, reason, reply, relay string
	code                        int
}

// copied is one delivered copy.
type copied struct {
	received string // its Received fields
	text     string
	files    []string
	flaw     string // why it is not what was sent
}

// fates are what the queue says, by recipient.
func (t *relayTry) fates(ctx context.Context) (map[string]fate, error) {
	rows, err := t.admin.Query(ctx, relaysStatesSQL)
	if err != nil {
		return nil, err
	}
	out := map[string]fate{}
	var who string
	var f fate
	_, err = pgx.ForEachRow(rows, []any{&who, &f.state, &f.code, &f.reason, &f.reply, &f.relay}, func() error {
		out[alike(who)] = f
		return nil
	})
	return out, err
}

// mailbox names the delivered copies.
func (t *relayTry) mailbox() ([]string, error) {
	return filepath.Glob(t.server.root.at("sink/box/new/*"))
}

// copies reads the mailbox, by envelope recipient.
func (t *relayTry) copies() (map[string][]copied, error) {
	names, err := t.mailbox()
	if err != nil {
		return nil, err
	}
	out := map[string][]copied{}
	for _, name := range names {
		data, err := os.ReadFile(name) //nolint:gosec // our own mailbox
		if err != nil {
			return nil, err
		}
		if len(data) == 0 { // OpenSMTPD leaves such where its stop has cut a delivery off, and delivers again
			continue
		}
		who, c := t.open(data)
		if who == "" {
			c.flaw = fmt.Sprintf("%s: %d bytes that begin %.60q", c.flaw, len(data), data)
		}
		out[who] = append(out[who], c)
	}
	return out, nil
}

var forWhom = regexp.MustCompile(`(?s)\bfor\s+<([^>]+)>`)

// open reads one delivered copy: for whom it is, whether the signature holds, and what it says.
func (t *relayTry) open(data []byte) (who string, c copied) {
	data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return "", copied{flaw: err.Error()}
	}
	if who = m.Header.Get("X-Original-To"); who == "" {
		who = m.Header.Get("Envelope-To")
	}
	c.received = strings.Join(m.Header["Received"], "\n")
	if found := forWhom.FindStringSubmatch(c.received); who == "" && found != nil {
		who = found[1]
	}
	if m.Header.Get("Dkim-Signature") == "" {
		c.flaw = "no signature"
	}
	checks, err := dkim.VerifyWithOptions(bytes.NewReader(data), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{t.dkimRecord}, nil },
	})
	if err != nil {
		c.flaw = err.Error()
	}
	for _, v := range checks {
		if v.Err != nil {
			c.flaw = v.Err.Error()
		}
	}
	if err := c.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body); err != nil {
		c.flaw = err.Error()
	}
	return alike(who), c
}

// read takes the plain text and the files out of a part.
func (c *copied) read(contentType, encoding string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF { //nolint:errorlint // as NextRawPart documents
				return nil
			}
			if err == nil {
				err = c.read(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
			}
			if err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, bufio.NewReader(body))
	}
	content, err := io.ReadAll(body)
	switch {
	case kind == "text/plain":
		c.text = string(content)
	case kind != "text/html":
		sum := sha256.Sum256(content)
		c.files = append(c.files, hex.EncodeToString(sum[:]))
	}
	return err
}

// differs says how a copy is not what was enqueued.
func (c copied) differs(w want) string {
	plain := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
	switch {
	case c.flaw != "":
		return c.flaw
	case plain(c.text) != plain(w.text):
		return fmt.Sprintf("the text is %.60q…, not %.60q…", c.text, w.text)
	case strings.Join(c.files, " ") != strings.Join(w.files, " "):
		return "the files differ"
	}
	return ""
}
