package mail

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sespan/internal/mail/mime"
)

var errContentGone = errors.New("the content of the message is gone")

// contentOf is the message of a claimed row for mime.Compose; from is the service's own
// sender.
func contentOf(c *Claimed, from string, unsealer Unsealer) (mime.Content, error) {
	s := c.Stored
	if s == nil {
		return mime.Content{}, errContentGone
	}
	out := mime.Content{
		Date: s.Date, From: cmp.Or(s.Sender, from), ReplyTo: s.ReplyTo, To: s.To, CC: s.CC,
		Subject: s.Subject, Text: s.Text, HTML: s.HTML, Raw: s.Raw,
	}
	var err error
	if out.Headers, err = parseHeaders(s.Headers); err != nil {
		return mime.Content{}, err
	}
	if out.Attachments, err = parseAttachments(s.Attachments, s.Files); err != nil {
		return mime.Content{}, err
	}
	if s.Sealed != nil {
		if err := unseal(&out, c.Recipient, s.Sealed, unsealer); err != nil {
			return mime.Content{}, err
		}
	}
	out.MessageID = messageID(c, out.From) // a site's own stands in Headers and wins
	return out, nil
}

// messageID is the same for every try and every recipient of a message.
func messageID(c *Claimed, from string) string {
	bare := bareAddress(from)
	domain := bare[strings.LastIndexByte(bare, '@')+1:] // a quoted local part may hold an @
	if domain == "" || strings.ContainsFunc(domain, func(r rune) bool { return r > '~' }) {
		domain = "sespan.invalid" // RFC 5322 wants ASCII here, and RFC 2606 keeps .invalid free
	}
	return "<" + strconv.FormatInt(c.MessageID, 10) + "." + strconv.FormatInt(c.CreatedAt.UnixMicro(), 36) + "@" + domain + ">"
}

func parseHeaders(stored []byte) (map[string]string, error) {
	if stored == nil {
		return map[string]string{}, nil
	}
	var h map[string]string
	if err := json.Unmarshal(stored, &h); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	return h, nil
}

func parseAttachments(stored []byte, files map[string][]byte) ([]mime.Attachment, error) {
	if stored == nil {
		return nil, nil
	}
	var list []struct {
		Filename    string `json:"filename"`
		ContentType string `json:"content_type"`
		ContentID   string `json:"content_id"`
		Content     string `json:"content"`
		SHA256      string `json:"sha256"`
	}
	if err := json.Unmarshal(stored, &list); err != nil {
		return nil, fmt.Errorf("attachments: %w", err)
	}
	out := make([]mime.Attachment, len(list))
	for i, a := range list {
		data, found := files[a.SHA256]
		if a.SHA256 == "" {
			var err error
			if data, err = decodeBase64(a.Content); err != nil {
				return nil, fmt.Errorf("attachment %d: %w", i+1, err)
			}
		} else if !found {
			return nil, fmt.Errorf("attachment %d: its file is gone", i+1)
		}
		out[i] = mime.Attachment{Filename: a.Filename, ContentType: a.ContentType, ContentID: strings.Trim(a.ContentID, "<>"), Data: data}
	}
	return out, nil
}

// decodeBase64 forgives the white space that PostgreSQL's decode forgives.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, " \t") {
		s = strings.NewReplacer(" ", "", "\t", "").Replace(s)
	}
	return base64.StdEncoding.DecodeString(s)
}

// bareAddress gives the address of a mailbox that mail_enqueue or NewWorker has
// checked: in its quoted name a "<" cannot stand.
func bareAddress(mailbox string) string {
	open := strings.LastIndexByte(mailbox, '<')
	if open < 0 {
		return mailbox
	}
	return strings.TrimRight(mailbox[open+1:], "> ")
}
