package mime

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	"github.com/emersion/go-msgauth/dkim"
)

// forwarded is a mail of somebody else's in which each byte could be mended by a helpful
// program.
const forwarded = "From:  Budi <budi@a.example> \r\nTo:c@d.example\r\nSubject: " + "a long line that nobody folds " + "a long line that nobody folds\r\n" +
	"Date: Mon, 02 Feb 2026 10:00:00 +0000\r\nMessage-ID: <1@a.example>\r\n\r\n" +
	"From here on\r\n.\r\n..dots\r\ntrailing blanks  \t\r\ngrüße\r\n\r\n\r\n"

// dkimSigned signs it strictly: a changed blank breaks it.
func dkimSigned(t *testing.T) (signed []byte, verify func(t *testing.T, got []byte)) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dkim.Sign(&out, strings.NewReader(forwarded), &dkim.SignOptions{Domain: "a.example", Selector: "s", Signer: private}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), func(t *testing.T, got []byte) {
		t.Helper()
		found, err := dkim.VerifyWithOptions(bytes.NewReader(got), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) {
			return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
		}})
		if err != nil || len(found) != 1 || found[0].Err != nil {
			t.Fatalf("does not verify: %v, %+v", err, found)
		}
	}
}

// attachmentOf is the body of the attachment as a reader takes it out.
func attachmentOf(t *testing.T, composed string) (mediaType string, body []byte) {
	t.Helper()
	m, err := message.Read(strings.NewReader(composed))
	if err != nil {
		t.Fatal(err)
	}
	for r := m.MultipartReader(); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return mediaType, body
		}
		if err != nil {
			t.Fatal(err)
		}
		mediaType = p.Header.Get("Content-Type")
		if body, err = io.ReadAll(p.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDKIMOfForwarded: a signed mail verifies as an attachment and as the whole message.
func TestDKIMOfForwarded(t *testing.T) {
	t.Parallel()
	signed, verify := dkimSigned(t)
	c := codeContent()
	c.Attachments = []Attachment{{Filename: "a.eml", ContentType: "message/rfc822", Data: signed}}
	kind, got := attachmentOf(t, compose(t, c))
	if kind != "message/rfc822" {
		t.Fatalf("arrives as %s", kind)
	}
	verify(t, got)
	verify(t, []byte(compose(t, rawContent(string(signed)))))
	lines := bytes.ReplaceAll(signed, []byte("\r\n"), []byte("\n")) // a file of Unix
	verify(t, []byte(compose(t, rawContent(string(lines)))))
	c.Attachments[0].Data = lines
	_, got = attachmentOf(t, compose(t, c))
	verify(t, got)
}

// TestComposite: a mail or a multipart arrives byte for byte, under its type where SMTP can
// carry its lines, else as a file.
func TestComposite(t *testing.T) {
	t.Parallel()
	const signed = `multipart/signed; boundary=s; protocol="application/pkcs7-signature"`
	ours := boundary("m", codeContent().MessageID)
	for name, c := range map[string]struct{ contentType, data, want string }{
		"mail":                {"message/rfc822", forwarded, "message/rfc822"},
		"ASCII":               {"message/rfc822", "A: b\r\n\r\nc  ", "message/rfc822"},
		"empty":               {"message/rfc822", "", "message/rfc822"},
		"report":              {"message/delivery-status", "A: b\r\n\r\nC: d\r\n", "message/delivery-status"},
		"multipart":           {signed, "x\r\n--s\r\n\r\ny \r\n--s--\r\n", signed},
		"without its end":     {signed, "--s\r\n", signed},
		"another boundary":    {signed, "--t\r\n\r\ny\r\n--t--\r\n", "application/octet-stream"},
		"no boundary":         {"multipart/mixed", "--s\r\n--s--", "application/octet-stream"},
		"lone CR":             {"message/rfc822", "A: b\r\rc", "application/octet-stream"},
		"NUL":                 {"message/rfc822", "A: b\r\n\r\n\x00", "application/octet-stream"},
		"long line":           {"message/rfc822", "A: b\r\n\r\n" + strings.Repeat("x", 999), "application/octet-stream"},
		"just fits":           {"message/rfc822", "A: b\r\n\r\n" + strings.Repeat("x", 998), "message/rfc822"},
		"a boundary of ours":  {"message/rfc822", "A: b\r\n\r\n--" + ours + "\r\n", "application/octet-stream"},
		"anything in a piece": {"application/pdf", "\r\n\n\r", "application/pdf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := codeContent()
			content.Attachments = []Attachment{{ContentType: c.contentType, Data: []byte(c.data)}}
			composed := compose(t, content)
			checkLines(t, composed)
			kind, got := attachmentOf(t, composed)
			if kind != c.want || string(got) != c.data {
				t.Fatalf("%q came as %q with %q", c.data, kind, got)
			}
		})
	}
}
