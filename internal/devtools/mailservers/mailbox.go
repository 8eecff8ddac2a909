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

// outcome is the state of a recipient in the queue.
type outcome struct {
	state, reason, reply, relay string
	code                        int
}

// delivery is one delivered copy.
type delivery struct {
	received string // its Received fields
	text     string
	files    []string
	problem  string // why it is not what was sent
}

// outcomes are the states in the queue, by recipient.
func (t *trial) outcomes(ctx context.Context) (map[string]outcome, error) {
	rows, err := t.Admin.Query(ctx, statesSQL)
	if err != nil {
		return nil, err
	}
	out := map[string]outcome{}
	var who string
	var f outcome
	_, err = pgx.ForEachRow(rows, []any{&who, &f.state, &f.code, &f.reason, &f.reply, &f.relay}, func() error {
		out[normalize(who)] = f
		return nil
	})
	return out, err
}

// mailbox names the delivered copies.
func (t *trial) mailbox() ([]string, error) {
	return filepath.Glob(t.server.root.at("sink/box/new/*"))
}

// copies reads the mailbox, by envelope recipient.
func (t *trial) copies() (map[string][]delivery, error) {
	names, err := t.mailbox()
	if err != nil {
		return nil, err
	}
	out := map[string][]delivery{}
	for _, name := range names {
		data, err := os.ReadFile(name) //nolint:gosec // our own mailbox
		if err != nil {
			return nil, err
		}
		if len(data) == 0 { // OpenSMTPD leaves an empty file where its stop has interrupted a delivery, and delivers again
			continue
		}
		who, c := t.open(data)
		if who == "" {
			c.problem = fmt.Sprintf("%s: %d bytes that begin %.60q", c.problem, len(data), data)
		}
		out[who] = append(out[who], c)
	}
	return out, nil
}

var forWhom = regexp.MustCompile(`(?s)\bfor\s+<([^>]+)>`)

// open reads one delivered copy: its recipient, whether its signature is valid, and its text.
func (t *trial) open(data []byte) (who string, c delivery) {
	data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return "", delivery{problem: err.Error()}
	}
	if who = m.Header.Get("X-Original-To"); who == "" {
		who = m.Header.Get("Envelope-To")
	}
	c.received = strings.Join(m.Header["Received"], "\n")
	if found := forWhom.FindStringSubmatch(c.received); who == "" && found != nil {
		who = found[1]
	}
	if m.Header.Get("Dkim-Signature") == "" {
		c.problem = "no signature"
	}
	checks, err := dkim.VerifyWithOptions(bytes.NewReader(data), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{t.dkimRecord}, nil },
	})
	if err != nil {
		c.problem = err.Error()
	}
	for _, v := range checks {
		if v.Err != nil {
			c.problem = v.Err.Error()
		}
	}
	if err := c.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body); err != nil {
		c.problem = err.Error()
	}
	return normalize(who), c
}

// read extracts the plain text and the files of a part.
func (c *delivery) read(contentType, encoding string, body io.Reader) error {
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
func (c delivery) differs(w expectation) string {
	plain := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
	switch {
	case c.problem != "":
		return c.problem
	case plain(c.text) != plain(w.text):
		return fmt.Sprintf("the text is %.60q…, not %.60q…", c.text, w.text)
	case strings.Join(c.files, " ") != strings.Join(w.files, " "):
		return "the files differ"
	}
	return ""
}
