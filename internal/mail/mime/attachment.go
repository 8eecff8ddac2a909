package mime

import (
	"bytes"
	"mime"
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
		return part{}, invalid(attachmentLabel(n), "the content_id must be printable ASCII without spaces")
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
		return "", invalid(attachmentLabel(n), "the content_type must be of the form type/subtype")
	}
	if strings.HasPrefix(kind, "multipart/") {
		return "application/octet-stream", nil
	}
	formatted := mime.FormatMediaType(kind, parameters)
	if formatted == "" {
		return "", invalid(attachmentLabel(n), "the content_type has a parameter that cannot be written")
	}
	return formatted, checkTokens(attachmentLabel(n), formatted)
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
