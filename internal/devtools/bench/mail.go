package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"sespan/internal/mail/mime"
	"sespan/internal/otp"
	"sespan/internal/secret"
)

const (
	mailConnections = 4      // to the sink, on either side; the service's default
	mailKinds       = 256    // different mails, sent in turns
	mailRound       = 10_000 // mails of a round
)

//go:embed mail_sealed.sql
var mailSealedSQL string

//go:embed mail_plain.sql
var mailPlainSQL string

//go:embed mail_left.sql
var mailLeftSQL string

//go:embed mail_last.sql
var mailLastSQL string

// mailBench has the mails of a code in every form that is measured.
type mailBench struct {
	*env
	subject    string
	sealed     [][]byte // bodies as the queue holds the service's own
	text, html []string // bodies as a site enqueues them
	mime       []string // the same mails as the relay gets them
}

// newMailBench makes the mails and starts the sink.
func newMailBench(ctx context.Context, e *env, o sinkOptions) (*mailBench, error) {
	b := &mailBench{env: e}
	mailer, err := otp.NewMailer(otp.MailerOptions{Site: siteName, Link: codeLink, Life: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	for i := range mailKinds {
		msg, err := mailer.Render(otp.Login, "en", fmt.Sprintf("01997d4e-6f2a-7cc3-98c4-%012d", i), fmt.Sprintf("%06d", i*7919%1000000))
		if err != nil {
			return nil, err
		}
		if err := b.add(i, msg); err != nil {
			return nil, err
		}
	}
	b.sink, err = startSink(ctx, o)
	return b, err
}

func (b *mailBench) add(i int, msg otp.Message) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(struct { // as the service seals it
		Text string `json:"text"`
		HTML string `json:"html"`
	}{msg.Text, msg.HTML}); err != nil {
		return err
	}
	message, err := mime.Compose(mime.Content{
		MessageID: fmt.Sprintf("<%d.5f5e100000000@shop.example>", i), Date: time.Now(), From: mailFrom,
		To: []string{recipient(i)}, Subject: msg.Subject, Text: msg.Text, HTML: msg.HTML,
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
	})
	if err != nil {
		return err
	}
	b.subject = msg.Subject
	b.sealed = append(b.sealed, b.ring.Seal(secret.LabelMail, "", body.Bytes()))
	b.text, b.html = append(b.text, msg.Text), append(b.html, msg.HTML)
	b.mime = append(b.mime, string(message))
	return nil
}

func recipient(i int) string { return fmt.Sprintf("user%d@example.com", i) }

// work starts a worker with so many connections to the sink.
func (b *mailBench) work(ctx context.Context, connections int) (*service, error) {
	return b.spawn(ctx, "mail", "SESPAN_SMTP_URL=smtp://"+b.sink.addr+"?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", connections))
}

// round is the number of mails of a round.
func (b *mailBench) round() int {
	if b.quick {
		return mailRound / 10
	}
	return mailRound
}

// enqueued is a transaction that has n mails in it.
type enqueued interface {
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

func (b *mailBench) enqueueSealed(ctx context.Context, n int) (enqueued, error) {
	return b.transaction(ctx, mailSealedSQL, n, b.subject, b.sealed)
}

func (b *mailBench) enqueuePlain(ctx context.Context, n int) (enqueued, error) {
	return b.transaction(ctx, mailPlainSQL, n, b.subject, b.text, b.html)
}

func (b *mailBench) transaction(ctx context.Context, sql string, args ...any) (enqueued, error) {
	tx, err := b.admin.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		_ = tx.Rollback(ctx) // the first error counts
		return nil, err
	}
	return tx, nil
}

// drain measures from the commit that enqueues n mails until the sink has them
// and every result is written.
func (b *mailBench) drain(enqueue func(context.Context, int) (enqueued, error), n int) func(context.Context) (spell, error) {
	return func(ctx context.Context) (spell, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
		if err := b.sink.expect(n); err != nil {
			return spell{}, err
		}
		var last int64
		if err := b.admin.QueryRow(ctx, mailLastSQL).Scan(&last); err != nil {
			return spell{}, err
		}
		tx, err := enqueue(ctx, n)
		if err != nil {
			return spell{}, err
		}
		defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to take back
		return b.spell(func() (float64, error) {
			if err := tx.Commit(ctx); err != nil {
				return 0, err
			}
			if _, err := b.sink.wait(ctx); err != nil {
				return 0, err
			}
			return float64(n), b.empty(ctx, last)
		})
	}
}

// empty waits until every result of the mails after last is written.
func (b *mailBench) empty(ctx context.Context, last int64) error {
	return until(ctx, 2*time.Millisecond, func() (bool, error) {
		var left bool
		err := b.admin.QueryRow(ctx, mailLeftSQL, last).Scan(&left)
		return !left, err
	})
}
