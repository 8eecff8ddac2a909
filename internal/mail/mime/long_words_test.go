package mime

import (
	"bytes"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// What a site may enqueue and no line has room for as it stands is sent in another
// form, in place of a dead mail: no line is longer than 998 bytes, and a reader sees
// what was written, or as much of a file's name as file systems take.
func TestComposeFindsRoomForLongWords(t *testing.T) {
	t.Parallel()
	subject := "Order " + strings.Repeat("x", 950) + " is here"
	text, err := Compose(Content{
		Date: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), From: "Shop <shop@b.co>", To: []string{"é@ab--cd.co"}, Subject: subject, Text: "x",
		Attachments: []Attachment{
			{Filename: strings.Repeat("Rechnung März ", 40) + ".pdf", Data: []byte("x")},
			{Filename: strings.Repeat("é", 200), Data: []byte("x")},
			{Filename: strings.Repeat("ö", 127) + "x", Data: []byte("x")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if len(line) > maxLine+2 {
			t.Errorf("a line of %d bytes: %.60q…", len(line), line)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || got != subject {
		t.Errorf("subject %q, %v", got, err)
	}
	var names []string
	for line := range strings.SplitSeq(strings.ReplaceAll(string(text), "\r\n ", " "), "\r\n") {
		if value, found := strings.CutPrefix(line, "Content-Disposition: "); found {
			_, parameters, err := mime.ParseMediaType(value)
			if err != nil {
				t.Fatalf("%q: %v", value, err)
			}
			names = append(names, parameters["filename"])
		}
	}
	if len(names) != 3 || len(names[0]) > 255 || !strings.HasSuffix(names[0], ".pdf") || !strings.HasPrefix(names[0], "Rechnung März ") ||
		names[1] != strings.Repeat("é", 127) || names[2] != strings.Repeat("ö", 127)+"x" {
		t.Errorf("file names %q", names)
	}
}

// TestBlanksAreKept: a program may read the value, and an unfolded one is what was given.
func TestBlanksAreKept(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		`{"to":  ["a@b.co"],   "sub": {"%name%": ["Anna   Maria"]},  "category":   "a  b  c"}`,
		strings.Repeat("x", 70) + "   " + strings.Repeat("y", 80) + "  z",
		strings.Repeat("a  b", 100),
		strings.Repeat("x"+strings.Repeat(" ", 39), 20) + "x",
	} {
		c := codeContent()
		c.Headers = map[string]string{"X-SMTPAPI": value}
		composed := compose(t, c)
		checkLines(t, composed)
		unfolded := strings.ReplaceAll(composed, "\r\n ", " ")
		if !strings.Contains(unfolded, "X-SMTPAPI: "+value+"\r\n") {
			t.Errorf("%q is not in %q", value, unfolded)
		}
		if head, _, _ := strings.Cut(composed, "\r\n\r\n"); strings.Contains(head, " \r\n") {
			t.Errorf("a line ends in a blank: %q", head)
		}
	}
}
