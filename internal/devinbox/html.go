package devinbox

import (
	"encoding/base64"
	"mime"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// frameHTML makes a mail's HTML fit for the sandboxed frame: links open a new tab,
// inline images travel in the page, and what would lead the frame elsewhere is
// dropped. The frame's sandbox and policy keep out what could do harm, not this function.
func frameHTML(p parsed) string {
	var out strings.Builder
	out.WriteString(`<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		`<style>body{margin:16px;font-family:system-ui,sans-serif;background:#fff;color:#111;overflow-wrap:anywhere}img{max-width:100%}</style>`)
	for tokens := html.NewTokenizer(strings.NewReader(p.html)); tokens.Next() != html.ErrorToken; {
		raw := string(tokens.Raw()) // Token changes it
		token := tokens.Token()
		switch token.DataAtom {
		case atom.Base, atom.Meta:
			continue
		case atom.A, atom.Area:
			if token.Type == html.StartTagToken {
				token.Attr = inNewTab(token.Attr)
				raw = token.String()
			}
		case atom.Img:
			for i := range token.Attr {
				if token.Attr[i].Key == "src" {
					token.Attr[i].Val = p.inline(token.Attr[i].Val)
				}
			}
			raw = token.String()
		}
		out.WriteString(raw)
	}
	return out.String()
}

// inNewTab makes a link open a new tab without an opener or a referrer.
func inNewTab(attributes []html.Attribute) []html.Attribute {
	kept := []html.Attribute{{Key: "target", Val: "_blank"}, {Key: "rel", Val: "noopener noreferrer"}}
	for _, a := range attributes {
		if a.Key != "target" && a.Key != "rel" && a.Key != "ping" {
			kept = append(kept, a)
		}
	}
	return kept
}

// inline turns cid:logo into the image's bytes.
func (p parsed) inline(src string) string {
	id, ok := strings.CutPrefix(src, "cid:")
	for _, a := range p.attachments {
		if ok && a.contentID == id && image(a.contentType) {
			return "data:" + a.contentType + ";base64," + base64.StdEncoding.EncodeToString(a.data)
		}
	}
	return src
}

func image(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "image/png" || kind == "image/jpeg" || kind == "image/gif" || kind == "image/webp")
}

// segment is a piece of a text mail; URL is empty for what is no link.
type segment struct{ Text, URL string }

var linkPattern = regexp.MustCompile(`https?://[^\s<>"'\x60]+[^\s<>"'\x60.,;:!?)\]}]`)

// splitLinks splits a text at its links.
func splitLinks(text string) []segment {
	var out []segment
	for {
		at := linkPattern.FindStringIndex(text)
		if at == nil {
			return append(out, segment{Text: text})
		}
		if at[0] > 0 {
			out = append(out, segment{Text: text[:at[0]]})
		}
		out = append(out, segment{Text: text[at[0]:at[1]], URL: text[at[0]:at[1]]})
		text = text[at[1]:]
	}
}
