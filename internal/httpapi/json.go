package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// More than any body of this API needs, a site's own data included.
const (
	maxDepth = 32
	maxNames = 256 // of one object; each is compared with the others
)

// jsonAPI answers with JSON whatever Accept says: there is no other format, an export
// looks at the header itself, and huma's reading of a header such as ";;," panics.
type jsonAPI struct{ huma.API }

// Negotiate implements huma.API.
func (jsonAPI) Negotiate(string) (string, error) { return "application/json", nil }

// Unmarshal implements huma.API: it reads a body whose media type means JSON in UTF-8
// (RFC 9110, 8.3; RFC 8259, 11), however its name is spelled; huma compares bytes.
func (a jsonAPI) Unmarshal(contentType string, data []byte, v any) error {
	if contentType != "" && !meansJSON(contentType) {
		return huma.ErrUnknownContentType
	}
	return a.API.Unmarshal("application/json", data, v)
}

func meansJSON(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) { // a parameter means nothing in JSON but for the charset
		return false
	}
	charset := strings.ToLower(parameters["charset"])
	plain := charset == "" || charset == "utf-8" || charset == "utf8" || charset == "us-ascii"
	return plain && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// jsonFormat reads JSON strictly. huma reads a body twice: into any, which it
// validates, and into the handler's struct. Two readings of one name would differ,
// so a body that repeats a name, in whatever letter case, is refused.
func jsonFormat() huma.Format {
	f := huma.DefaultJSONFormat
	f.Unmarshal = func(data []byte, v any) error {
		if _, first := v.(*any); first {
			if err := checkJSON(data); err != nil {
				return err
			}
		}
		return json.Unmarshal(data, v)
	}
	return f
}

var (
	errNotUTF8  = errors.New("is not valid UTF-8")
	errTooDeep  = errors.New("is nested too deeply")
	errTooMany  = errors.New("has an object with too many names")
	errRepeated = errors.New("holds a name twice; letter case makes no difference")
)

// checkJSON looks for what encoding/json lets pass. It leaves syntax to the
// parser, which also says where it is broken.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	var open []nesting
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // 1e400 is the validation's to refuse
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(open) > 0 {
			if err := open[len(open)-1].add(token); err != nil {
				return err
			}
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if open = append(open, nesting{object: token == json.Delim('{')}); len(open) > maxDepth {
				return errTooDeep
			}
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// nesting is an object or array that is not closed yet.
type nesting struct {
	object bool
	value  bool // a name was read, its value comes next
	names  []string
}

// add adds a token inside; a name that was there before is an error.
func (n *nesting) add(token json.Token) error {
	if !n.object || n.value {
		n.value = false
		return nil
	}
	name, ok := token.(string)
	if !ok { // the end
		return nil
	}
	for _, other := range n.names {
		if strings.EqualFold(other, name) {
			return errRepeated
		}
	}
	if n.names, n.value = append(n.names, name), true; len(n.names) > maxNames {
		return errTooMany
	}
	return nil
}
