package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// MailPreview is the command mail preview.
type MailPreview struct {
	ID int64 `arg:"" help:"The mail's id, as mail_enqueue answered it."`
}

// Run prints the mail.
func (c *MailPreview) Run(ctx context.Context, m *Mail, e *Env) error {
	return m.open(ctx, func(admin *postgres.MailAdmin) error {
		rows, err := admin.Preview(ctx, c.ID, m.Actor)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return unknownMail(ctx, admin, c.ID)
		}
		if m.JSON {
			return e.printJSON(rows)
		}
		printMail(e.Out, rows[0])
		return nil
	})
}

func printMail(out io.Writer, m mail.Preview) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%s: %s\n", name, oneLine(value))
		}
	}
	line("Enqueued", m.CreatedAt.UTC().Format(time.RFC3339))
	line("From", orEmpty(m.Sender))
	line("Reply-To", orEmpty(m.ReplyTo))
	line("To", strings.Join(m.To, ", "))
	line("Cc", strings.Join(m.CC, ", "))
	line("Subject", m.Subject)
	line("Category", orEmpty(m.Category))
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		line(name, m.Headers[name])
	}
	for _, a := range m.Attachments {
		line("Attachment", strings.TrimSpace(fmt.Sprintf("%s %s %d bytes %s", orEmpty(a.Filename), orEmpty(a.ContentType), a.Size, orEmpty(a.ContentID))))
	}
	line("Note", sentence(m.Cause))
	for _, body := range []*string{m.Text, m.HTML, m.Raw} {
		if body != nil {
			fmt.Fprintf(out, "\n%s\n", printable(*body))
		}
	}
}

// printable keeps line breaks and tabs, and no other control character.
func printable(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		parts := strings.Split(l, "\t")
		for j := range parts {
			parts[j] = oneLine(parts[j])
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}
