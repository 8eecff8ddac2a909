package mime

import "bytes"

// part is a node of the MIME tree: either parts below a boundary or a body.
type part struct {
	fields   []field
	boundary string
	parts    []part
	body     []byte
	encoding string // 7bit, quoted-printable, base64
}

// partTree is mixed(alternative(text, related(html, inline …)), attachment …), without
// the levels that would have a single child.
func (c Content) partTree(seed string) (part, error) {
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
	b := CRLF([]byte(validUTF8(s)))
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\r', '\n')
	}
	p := part{body: b, encoding: textEncoding(b)}
	p.fields = []field{{"Content-Type", mediaType + "; charset=utf-8"}, {"Content-Transfer-Encoding", p.encoding}}
	return p
}

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
