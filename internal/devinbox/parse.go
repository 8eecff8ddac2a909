package devinbox

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/emersion/go-message"
)

// maxDepth of nested parts; what lies deeper is only in the raw view.
const maxDepth = 20

// parsed is a mail parsed as far as it can be.
type parsed struct {
	from, to, cc, subject, date string
	headers                     []header
	text, html                  string
	attachments                 []attachment
	fault                       string // why it could not be read to the end
}

type header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type attachment struct {
	filename, contentType, contentID string
	data                             []byte
}

// parse never fails: a broken mail shows its fault, and the raw view has it all.
func parse(raw []byte) parsed {
	var p parsed
	root, err := message.Read(bytes.NewReader(raw))
	if root == nil {
		p.fault, p.text = "The mail has no readable header: "+clean(err.Error()), clean(string(raw))
		return p
	}
	for fields := root.Header.Fields(); fields.Next(); {
		name := fields.Key()
		if raw, err := fields.Raw(); err == nil { // as it was written
			name, _, _ = strings.Cut(string(raw), ":")
		}
		p.headers = append(p.headers, header{clean(name), decoded(fields.Text())})
	}
	p.from, p.to, p.cc = decoded(root.Header.Text("From")), decoded(root.Header.Text("To")), decoded(root.Header.Text("Cc"))
	p.subject, p.date = decoded(root.Header.Text("Subject")), decoded(root.Header.Text("Date"))
	if err := root.Walk(p.visit); err != nil {
		p.fault = "The mail is broken: " + clean(err.Error())
	}
	return p
}

// visit is called for each node of the MIME tree.
func (p *parsed) visit(path []int, part *message.Entity, err error) error {
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return err
	}
	if len(path) > maxDepth {
		return errors.New("its parts are nested too deeply")
	}
	kind, parameters, err := part.Header.ContentType()
	if err != nil {
		kind = "application/octet-stream"
	}
	if strings.HasPrefix(kind, "multipart/") {
		return nil
	}
	data, err := io.ReadAll(part.Body)
	disposition, dispositionParameters, _ := part.Header.ContentDisposition() // none is fine
	switch {
	case kind == "text/plain" && disposition != "attachment" && p.text == "":
		p.text = lines(data)
	case kind == "text/html" && disposition != "attachment" && p.html == "":
		p.html = clean(string(data))
	default:
		name := dispositionParameters["filename"]
		if name == "" {
			name = parameters["name"]
		}
		p.attachments = append(p.attachments, attachment{
			filename: clean(name), contentType: kind, data: data,
			contentID: strings.Trim(part.Header.Get("Content-Id"), "<> "),
		})
	}
	return err
}

func lines(b []byte) string { return strings.ReplaceAll(clean(string(b)), "\r\n", "\n") }

func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// decoded is a header's text; one in an unknown charset comes as it is.
func decoded(s string, _ error) string { return strings.TrimSpace(clean(s)) }
