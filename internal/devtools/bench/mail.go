package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
	"sespan/internal/mail/mime"
	"sespan/internal/otp"
	"sespan/internal/secret"
)

const (
	mailConnections = 4      // to the sink, on either side; the service's default
	mailVariants    = 256    // different mails, sent in turn
	mailRound       = 10_000 // mails of a round
)

//go:embed mail_enqueue_sealed.sql
var mailEnqueueSealedSQL string

//go:embed mail_enqueue_many.sql
var mailEnqueueManySQL string

//go:embed mail_remaining.sql
var mailRemainingSQL string

//go:embed mail_last_id.sql
var mailLastIDSQL string

// mailBench has the mails of a code in each form that is measured.
type mailBench struct {
	*env
	subject    string
	sealed     [][]byte // bodies as the queue holds the service's own
	text, html []string // bodies as a site enqueues them
	mime       []string // the same mails as the mail server gets them
}

// newMailBench makes the mails and starts the sink.
func newMailBench(ctx context.Context, e *env, o sinkOptions) (*mailBench, error) {
	b, err := newMails(e)
	if err != nil {
		return nil, err
	}
	b.sink, err = startSink(ctx, o)
	return b, err
}

// newMails makes the mails.
func newMails(e *env) (*mailBench, error) {
	b := &mailBench{env: e}
	mailer, err := otp.NewMailer(otp.MailerOptions{Site: siteName, Link: testbed.CodeLink, Life: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	for i := range mailVariants {
		msg, err := mailer.Render(otp.Login, "en", fmt.Sprintf("01997d4e-6f2a-7cc3-98c4-%012d", i), fmt.Sprintf("%06d", i*7919%1000000))
		if err != nil {
			return nil, err
		}
		if err := b.add(i, msg); err != nil {
			return nil, err
		}
	}
	return b, nil
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
		MessageID: fmt.Sprintf("<%d.5f5e100000000@shop.example>", i), Date: time.Now(), From: testbed.MailFrom,
		To: []string{recipient(i)}, Subject: msg.Subject, Text: msg.Text, HTML: msg.HTML,
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
	})
	if err != nil {
		return err
	}
	b.subject = msg.Subject
	b.sealed = append(b.sealed, b.Ring.Seal(secret.LabelMail, "", body.Bytes()))
	b.text, b.html = append(b.text, msg.Text), append(b.html, msg.HTML)
	b.mime = append(b.mime, string(message))
	return nil
}

func recipient(i int) string { return fmt.Sprintf("user%d@example.com", i) }

// startWorker starts a worker with so many connections to the sink, and in the same
// process an announcer where there is a broker.
func (b *mailBench) startWorker(ctx context.Context, connections int) (*testbed.Service, error) {
	parts := "mail"
	if b.broker != "" {
		parts = "mail,announce"
	}
	return b.startParts(ctx, parts, connections)
}

func (b *mailBench) startParts(ctx context.Context, parts string, connections int) (*testbed.Service, error) {
	settings := []string{"SESPAN_SMTP_URL=smtp://" + b.sink.addr + "?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", connections)}
	if b.broker != "" {
		settings = append(settings, "SESPAN_BROKER_URL="+b.broker, "SESPAN_BROKER_PREFIX="+b.prefix)
	}
	return b.Serve(ctx, parts, settings...)
}

// round is the number of mails of a round.
func (b *mailBench) round() int {
	if b.quick {
		return mailRound / 10
	}
	return mailRound
}

// openTx is a transaction with mails that it has enqueued.
type openTx interface {
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

func (b *mailBench) enqueueSealed(ctx context.Context, n int) (openTx, error) {
	return b.transaction(ctx, mailEnqueueSealedSQL, n, b.subject, b.sealed)
}

func (b *mailBench) enqueuePlain(ctx context.Context, n int) (openTx, error) {
	return b.transaction(ctx, mailEnqueueManySQL, n, b.subject, b.text, b.html)
}

func (b *mailBench) transaction(ctx context.Context, sql string, args ...any) (openTx, error) {
	tx, err := b.Admin.Begin(ctx)
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
func (b *mailBench) drain(enqueue func(context.Context, int) (openTx, error), n int) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
		if err := b.sink.expect(n); err != nil {
			return sample{}, err
		}
		var last int64
		if err := b.Admin.QueryRow(ctx, mailLastIDSQL).Scan(&last); err != nil {
			return sample{}, err
		}
		tx, err := enqueue(ctx, n)
		if err != nil {
			return sample{}, err
		}
		defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to take back
		return b.counted(ctx, func() (float64, error) {
			if err := tx.Commit(ctx); err != nil {
				return 0, err
			}
			if _, err := b.sink.wait(ctx); err != nil {
				return 0, err
			}
			return float64(n), b.waitDrained(ctx, last)
		})
	}
}

// waitDrained waits until every result of the mails after last is written.
func (b *mailBench) waitDrained(ctx context.Context, last int64) error {
	return poll.Until(ctx, 2*time.Millisecond, func() (bool, error) {
		var remaining bool
		err := b.Admin.QueryRow(ctx, mailRemainingSQL, last).Scan(&remaining)
		return !remaining, err
	})
}
