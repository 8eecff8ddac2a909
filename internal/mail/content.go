package mail

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sespan/internal/mail/mime"
)

var (
	errContentGone = errors.New("the content of the message is gone")
	errSealed      = errors.New("the sealed body cannot be opened")
)

// Unsealer decrypts the sealed body of a mail to recipient; the plain text is JSON
// {"text", "html"}.
type Unsealer func(recipient string, sealed []byte) ([]byte, error)

// content makes what mime.Compose needs of a claimed row; from is the service's own
// sender.
func content(c *Claimed, from string, opener Unsealer) (mime.Content, error) {
	s := c.Stored
	if s == nil {
		return mime.Content{}, errContentGone
	}
	out := mime.Content{
		Date: s.Date, From: orElse(s.Sender, from), ReplyTo: s.ReplyTo, To: s.To, CC: s.CC,
		Subject: s.Subject, Text: s.Text, HTML: s.HTML, Raw: s.Raw,
	}
	var err error
	if out.Headers, err = headersOf(s.Headers); err != nil {
		return mime.Content{}, err
	}
	if out.Attachments, err = attachmentsOf(s.Attachments, s.Files); err != nil {
		return mime.Content{}, err
	}
	if s.Sealed != nil {
		if err := unseal(&out, c.Recipient, s.Sealed, opener); err != nil {
			return mime.Content{}, err
		}
	}
	out.MessageID = messageID(c, out.From) // a site's own stands in Headers and wins
	return out, nil
}

// messageID is the same for every try and every recipient of a message.
func messageID(c *Claimed, from string) string {
	_, domain, _ := strings.Cut(bareAddress(from), "@")
	if domain == "" || strings.ContainsFunc(domain, func(r rune) bool { return r > '~' }) {
		domain = "sespan.invalid" // RFC 5322 wants ASCII here, and RFC 2606 keeps .invalid free
	}
	return "<" + strconv.FormatInt(c.MessageID, 10) + "." + strconv.FormatInt(c.CreatedAt.UnixMicro(), 36) + "@" + domain + ">"
}

func headersOf(stored []byte) (map[string]string, error) {
	if stored == nil {
		return map[string]string{}, nil
	}
	var h map[string]string
	if err := json.Unmarshal(stored, &h); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	return h, nil
}

func attachmentsOf(stored []byte, files map[string][]byte) ([]mime.Attachment, error) {
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

func unseal(out *mime.Content, recipient string, sealed []byte, opener Unsealer) error {
	if opener == nil {
		return fmt.Errorf("%w: no secret keys are configured", errSealed)
	}
	plain, err := opener(recipient, sealed)
	if err != nil {
		return fmt.Errorf("%w: %w", errSealed, err)
	}
	if out.Text, out.HTML, err = openBody(plain); err != nil {
		return err
	}
	// RFC 3834: no vacation note shall answer a code.
	out.Headers["Auto-Submitted"] = "auto-generated"
	dropUnsubscribe(out.Headers)
	return nil
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

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// dropUnsubscribe removes the offer from a mail that nobody can unsubscribe from: a
// mailbox provider's button must not stop somebody's codes.
func dropUnsubscribe(headers map[string]string) {
	for name := range headers {
		if key := strings.ToLower(name); key == "list-unsubscribe" || key == "list-unsubscribe-post" {
			delete(headers, name)
		}
	}
}
