package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sespan/internal/mail/mime"
)

var errSealed = errors.New("the sealed body cannot be opened")

// Unsealer decrypts the sealed body of a mail to recipient; the plain text is JSON
// {"text", "html"}.
type Unsealer func(recipient string, sealed []byte) ([]byte, error)

// unseal fills in the sealed body.
func unseal(out *mime.Content, recipient string, sealed []byte, unsealer Unsealer) error {
	if unsealer == nil {
		return fmt.Errorf("%w: no secret keys are configured", errSealed)
	}
	plain, err := unsealer(recipient, sealed)
	if err != nil {
		return fmt.Errorf("%w: %w", errSealed, err)
	}
	if out.Text, out.HTML, err = parseBody(plain); err != nil {
		return err
	}
	// RFC 3834: no vacation note shall answer a code.
	out.Headers["Auto-Submitted"] = "auto-generated"
	dropUnsubscribe(out.Headers)
	return nil
}

// dropUnsubscribe removes the offer from a mail that nobody can unsubscribe from: a
// mailbox provider's button must not stop somebody's codes.
func dropUnsubscribe(headers map[string]string) {
	for name := range headers {
		if key := strings.ToLower(name); key == "list-unsubscribe" || key == "list-unsubscribe-post" {
			delete(headers, name)
		}
	}
}

// parseBody reads the plain text of a sealed mail, {"text": …, "html": …}. Codes are
// most of the mails, and encoding/json took a quarter of the time of each; so the
// form in which the service seals them is read directly. What was sealed is known
// to be valid JSON: nobody else can make it.
func parseBody(plain []byte) (text, html string, err error) {
	if text, html, ok := parseServiceBody(plain); ok {
		return text, html, nil
	}
	var body struct {
		Text string `json:"text"`
		HTML string `json:"html"`
	}
	if json.Unmarshal(plain, &body) != nil {
		return "", "", errors.New("the sealed body is not JSON") // the cause would quote the body
	}
	return body.Text, body.HTML, nil
}

// parseServiceBody is false for whatever is not plainly {"text":"…","html":"…"}.
func parseServiceBody(plain []byte) (text, html string, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimRight(plain, "\n"), []byte(`{"text":"`))
	if !ok {
		return "", "", false
	}
	out := make([]byte, 0, len(rest))
	head, rest, ok := parseServiceString(out, rest)
	if !ok {
		return "", "", false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"html":"`)); !ok {
		return "", "", false
	}
	tail, rest, ok := parseServiceString(out[len(head):len(head)], rest)
	return string(head), string(tail), ok && string(rest) == "}"
}

// parseServiceString appends the rest of a JSON string, up to its closing quote, to out;
// \u escapes it leaves to encoding/json.
func parseServiceString(out, b []byte) (s, rest []byte, ok bool) {
	for {
		quote := bytes.IndexByte(b, '"')
		if quote < 0 {
			return nil, nil, false
		}
		slash := bytes.IndexByte(b[:quote], '\\')
		if slash < 0 {
			return append(out, b[:quote]...), b[quote+1:], true
		}
		out = append(out, b[:slash]...)
		at := strings.IndexByte(`"\/bfnrt`, b[slash+1])
		if at < 0 {
			return nil, nil, false
		}
		out = append(out, "\"\\/\b\f\n\r\t"[at])
		b = b[slash+2:]
	}
}
