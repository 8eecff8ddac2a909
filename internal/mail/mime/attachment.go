package mime

import (
	"bytes"
	"mime"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (a Attachment) part(n int, seed string, html bool) (part, error) {
	mediaType, err := a.mediaType(n)
	if err != nil {
		return part{}, err
	}
	p := part{body: a.Data, encoding: "base64"}
	if composite(mediaType) { // must not be base64 (RFC 2045 section 6.4, RFC 2046 section 5.2.1)
		if p.body, p.encoding = verbatim(a.Data, boundary("", seed)[2:]); p.encoding == "base64" || !delimited(mediaType, a.Data) {
			mediaType, p.body, p.encoding = "application/octet-stream", a.Data, "base64"
		}
	}
	disposition, err := a.disposition(n, html)
	if err != nil {
		return part{}, err
	}
	p.fields = []field{{"Content-Type", mediaType}, {"Content-Transfer-Encoding", p.encoding}}
	if disposition != "" {
		p.fields = append(p.fields, field{"Content-Disposition", disposition})
	}
	if a.ContentID == "" {
		return p, nil
	}
	id := strings.Trim(a.ContentID, "<>")
	if id == "" || len(id) > 250 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' }) {
		return part{}, invalid(attachmentLabel(n), "the content_id must be printable ASCII without spaces")
	}
	p.fields = append(p.fields, field{"Content-ID", "<" + id + ">"})
	return p, nil
}

// composite reports whether such a part is made of others, which may be signed.
func composite(mediaType string) bool {
	return strings.HasPrefix(mediaType, "message/") || strings.HasPrefix(mediaType, "multipart/")
}

// verbatim gives what is sent as it is, but for the line ends of a file that has LF alone, or
// base64 where SMTP cannot carry it so: a lone CR, a NUL, a line too long, a line of ours.
func verbatim(data []byte, ours string) (body []byte, encoding string) {
	if bytes.Contains(data, []byte(ours)) || bytes.IndexByte(data, 0) >= 0 || bytes.Count(data, []byte{'\r'}) != bytes.Count(data, []byte("\r\n")) {
		return data, "base64"
	}
	body, encoding = CRLF(data), "7bit"
	for line := range bytes.Lines(body) {
		if len(bytes.TrimSuffix(line, []byte("\r\n"))) > maxLine {
			return data, "base64"
		}
	}
	if bytes.ContainsFunc(body, func(r rune) bool { return r >= utf8.RuneSelf }) {
		encoding = "8bit"
	}
	return body, encoding
}

// delimited reports whether the boundary that a multipart type names stands in it.
func delimited(mediaType string, data []byte) bool {
	if !strings.HasPrefix(mediaType, "multipart/") {
		return true
	}
	_, parameters, err := mime.ParseMediaType(mediaType)
	return err == nil && parameters["boundary"] != "" && bytes.Contains(data, []byte("--"+parameters["boundary"]))
}

// typePattern is what mail_enqueue takes for a media type (RFC 2045 section 5.1).
var (
	typePattern = regexp.MustCompile("^[" + typeLetters + "]{1,127}/[" + typeLetters + "]{1,127}(?:[ \t]*;[ \t]*[" + typeLetters + "]+=(?:[" + typeLetters + `]+|"[ !#-\[\]-~]*"))*$`)
	charset     = regexp.MustCompile(`(?i);[ \t]*charset\*?[0*]*=`)
)

const typeLetters = "A-Za-z0-9!#$%&'*+.^_`{|}~-"

// mediaType is the given one, its parameters as they are. A text that is beyond ASCII, and whose
// charset is not named, says what it is in.
func (a Attachment) mediaType(n int) (string, error) {
	if a.ContentType == "" {
		return "application/octet-stream", nil
	}
	if !typePattern.MatchString(a.ContentType) {
		return "", invalid(attachmentLabel(n), "the content_type must be of the form type/subtype")
	}
	kind, parameters, found := strings.Cut(a.ContentType, ";")
	kind = strings.ToLower(strings.TrimRight(kind, " \t"))
	if found {
		kind += ";" + parameters
	}
	if strings.HasPrefix(kind, "text/") && !charset.MatchString(kind) && utf8.Valid(a.Data) && bytes.ContainsFunc(a.Data, func(r rune) bool { return r >= utf8.RuneSelf }) {
		kind += "; charset=utf-8"
	}
	return kind, checkTokens(attachmentLabel(n), kind)
}

// disposition is "" for a part without a name: it stands between the others, as Django sends
// it, and whether it is shown there is its type's question.
func (a Attachment) disposition(n int, html bool) (string, error) {
	kind := "attachment"
	if a.ContentID != "" && html {
		kind = "inline"
	}
	if a.Filename == "" {
		return strings.TrimPrefix(kind, "attachment"), nil
	}
	if strings.ContainsFunc(a.Filename, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", invalid(attachmentLabel(n), "the filename must have no control characters")
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": shortFilename(validUTF8(a.Filename))}), nil
}

// shortFilename is a file's name in at most 255 bytes, as file systems and lines of a
// header have no room for more; a name that is too long keeps its extension.
func shortFilename(name string) string {
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

func attachmentLabel(n int) string { return "attachments[" + strconv.Itoa(n) + "]" }
