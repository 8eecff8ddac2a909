package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// openBody reads the plain text of a sealed mail, {"text": …, "html": …}. Codes are
// most of the mails, and encoding/json took a quarter of the time of each; so the
// form in which the service seals them is read directly. What was sealed is known
// to be valid JSON: nobody else can make it.
func openBody(plain []byte) (text, html string, err error) {
	if text, html, ok := quickBody(plain); ok {
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

// quickBody is false for whatever is not plainly {"text":"…","html":"…"}.
func quickBody(plain []byte) (text, html string, ok bool) {
	rest, ok := bytes.CutPrefix(bytes.TrimRight(plain, "\n"), []byte(`{"text":"`))
	if !ok {
		return "", "", false
	}
	out := make([]byte, 0, len(rest))
	head, rest, ok := quickString(out, rest)
	if !ok {
		return "", "", false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"html":"`)); !ok {
		return "", "", false
	}
	tail, rest, ok := quickString(out[len(head):len(head)], rest)
	return string(head), string(tail), ok && string(rest) == "}"
}

// quickString appends the rest of a JSON string, up to its closing quote, to out;
// \u escapes it leaves to encoding/json.
func quickString(out, b []byte) (s, rest []byte, ok bool) {
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
