package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// openBody reads the plain text of a sealed mail, {"text": …, "html": …}. Codes are
// most of the mails, and encoding/json took a quarter of the time of each; so the
// form that the service itself writes is read directly.
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
	if text, rest, ok = quickString(rest); !ok {
		return "", "", false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"html":"`)); !ok {
		return "", "", false
	}
	html, rest, ok = quickString(rest)
	return text, html, ok && string(rest) == "}"
}

// quickString reads the rest of a JSON string up to its closing quote; it leaves
// \u escapes and invalid text to encoding/json.
func quickString(b []byte) (s string, rest []byte, ok bool) {
	out := make([]byte, 0, len(b))
	for from := 0; ; {
		i := from
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		if i == len(b) || b[i] < ' ' {
			return "", nil, false
		}
		out = append(out, b[from:i]...)
		if b[i] == '"' {
			return string(out), b[i+1:], utf8.Valid(out)
		}
		if i+1 == len(b) {
			return "", nil, false
		}
		at := bytes.IndexByte([]byte(`"\/bfnrt`), b[i+1])
		if at < 0 {
			return "", nil, false
		}
		out = append(out, "\"\\/\b\f\n\r\t"[at])
		from = i + 2
	}
}
