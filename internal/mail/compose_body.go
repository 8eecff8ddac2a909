package mail

import (
	"bytes"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// part is a node of the MIME tree: either parts below a boundary or a body.
type part struct {
	fields   []field
	boundary string
	parts    []part
	body     []byte
	encoding string // 7bit, quoted-printable, base64
}

// tree is mixed(alternative(text, related(html, inline …)), attachment …), without
// the levels that would have a single child.
func (c Content) tree(seed string) (part, error) {
	var inline, attached []part
	for i, a := range c.Attachments {
		p, err := a.part(i, seed, c.HTML != "")
		if err != nil {
			return part{}, err
		}
		if a.ContentID != "" && c.HTML != "" {
			inline = append(inline, p)
		} else {
			attached = append(attached, p)
		}
	}
	var bodies []part
	if c.Text != "" || c.HTML == "" {
		bodies = append(bodies, textPart("text/plain", c.Text))
	}
	if c.HTML != "" {
		bodies = append(bodies, multipart(`related; type="text/html"`, "r", seed, append([]part{textPart("text/html", c.HTML)}, inline...)))
	}
	body := multipart("alternative", "a", seed, bodies)
	return multipart("mixed", "m", seed, append([]part{body}, attached...)), nil
}

// multipart wraps the parts, unless there is one only.
func multipart(subtype, kind, seed string, parts []part) part {
	if len(parts) == 1 {
		return parts[0]
	}
	b := boundary(kind, seed)
	return part{
		fields:   []field{{"Content-Type", "multipart/" + subtype + `; boundary="` + b + `"`}},
		boundary: b, parts: parts,
	}
}

func textPart(mediaType, s string) part {
	b := CRLF([]byte(valid(s)))
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\r', '\n')
	}
	p := part{body: b, encoding: textEncoding(b)}
	p.fields = []field{{"Content-Type", mediaType + "; charset=utf-8"}, {"Content-Transfer-Encoding", p.encoding}}
	return p
}

func (a Attachment) part(n int, seed string, html bool) (part, error) {
	mediaType, err := a.mediaType(n)
	if err != nil {
		return part{}, err
	}
	p := part{body: a.Data, encoding: "base64"}
	if strings.HasPrefix(mediaType, "message/") { // must not be base64 (RFC 2046 section 5.2.1)
		if b := CRLF(a.Data); textEncoding(b) == "7bit" && !bytes.Contains(b, []byte(boundary("", seed)[2:])) {
			p.body, p.encoding = b, "7bit"
		} else {
			mediaType = "application/octet-stream"
		}
	}
	disposition, err := a.disposition(n, html)
	if err != nil {
		return part{}, err
	}
	p.fields = []field{
		{"Content-Type", mediaType}, {"Content-Transfer-Encoding", p.encoding}, {"Content-Disposition", disposition},
	}
	if a.ContentID == "" {
		return p, nil
	}
	id := strings.Trim(a.ContentID, "<>")
	if id == "" || len(id) > 250 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) {
		return part{}, fault(attachment(n), "the content_id must be printable ASCII without spaces")
	}
	p.fields = append(p.fields, field{"Content-ID", "<" + id + ">"})
	return p, nil
}

// mediaType is the given one put into shape; a multipart one would need its own boundary.
func (a Attachment) mediaType(n int) (string, error) {
	if a.ContentType == "" {
		return "application/octet-stream", nil
	}
	kind, parameters, err := mime.ParseMediaType(a.ContentType)
	if err != nil || !strings.Contains(kind, "/") {
		return "", fault(attachment(n), "the content_type must be of the form type/subtype")
	}
	if strings.HasPrefix(kind, "multipart/") {
		return "application/octet-stream", nil
	}
	formatted := mime.FormatMediaType(kind, parameters)
	if formatted == "" {
		return "", fault(attachment(n), "the content_type has a parameter that cannot be written")
	}
	return formatted, checkToken(attachment(n), formatted)
}

func (a Attachment) disposition(n int, html bool) (string, error) {
	kind := "attachment"
	if a.ContentID != "" && html {
		kind = "inline"
	}
	if a.Filename == "" {
		return kind, nil
	}
	if strings.ContainsFunc(a.Filename, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fault(attachment(n), "the filename must have no control characters")
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": shortName(valid(a.Filename))}), nil
}

// shortName is a file's name in at most 255 bytes, as file systems and lines of a
// header have no room for more; a name that is too long keeps its extension.
func shortName(name string) string {
	const most, longestExtension = 255, 20
	if len(name) <= most {
		return name
	}
	extension := ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name)-dot <= longestExtension {
		extension = name[dot:]
	}
	end := most - len(extension)
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + extension
}

func attachment(n int) string { return "attachments[" + strconv.Itoa(n) + "]" }

// writeBody writes what comes after the part's header.
func (p part) writeBody(out *bytes.Buffer) {
	for _, child := range p.parts {
		out.WriteString("--" + p.boundary + "\r\n")
		writeHeader(out, child.fields)
		child.writeBody(out)
		out.WriteString("\r\n")
	}
	switch {
	case p.parts != nil:
		out.WriteString("--" + p.boundary + "--\r\n")
	case p.encoding == "base64":
		writeBase64(out, p.body)
	case p.encoding == "quoted-printable":
		writeQuotedPrintable(out, p.body)
	default:
		out.Write(p.body)
	}
}
