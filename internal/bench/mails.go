package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sespan/internal/mail"
	"sespan/internal/otp"
	"sespan/internal/secret"
)

const (
	mailConnections = 4    // to the sink, on either side; the service's default
	mailAim         = 0.75 // share of the raw library
	mailKinds       = 256  // different mails, sent in turns
	mailsAtFirst    = 1500 // in the warm-up; then as many as fill a round
	lonelyMails     = 200  // of the latency
)

//go:embed mails_enqueue.sql
var mailsEnqueueSQL string

//go:embed mails_left.sql
var mailsLeftSQL string

// mailsBench drains the queue into a sink, and sends the same mails with the bare
// library.
type mailsBench struct {
	*env
	subject string
	sealed  [][]byte // bodies as the queue holds them
	mime    []string // the same mails as the relay gets them
	rate    map[string]float64
}

// benchMails measures mails per second from the commit that enqueues them until
// the queue is empty, every result written.
func benchMails(ctx context.Context, e *env) error {
	b := &mailsBench{env: e, rate: map[string]float64{}}
	if err := b.prepareMails(); err != nil {
		return err
	}
	var err error
	if b.sink, err = startSink(); err != nil {
		return err
	}
	if err := e.serve(ctx, "mail", "SESPAN_SMTP_URL=smtp://"+b.sink.addr+"?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", mailConnections)); err != nil {
		return err
	}
	e.printf("\nMails with a code, text and HTML (%d bytes), %d connections to a go-smtp sink\n", len(b.mime[0]), mailConnections)
	medians, err := e.alternate(ctx,
		side{"go-simple-mail alone, no queue", b.raw},
		side{"serve --run mail, from the queue", b.drain},
	)
	if err != nil {
		return err
	}
	e.verdict.add("mails drained / go-simple-mail alone", medians[1]/medians[0], mailAim)
	return b.latency(ctx)
}

// prepareMails makes the mails twice: sealed for the queue, and as MIME.
func (b *mailsBench) prepareMails() error {
	mailer, err := otp.NewMailer(otp.MailerOptions{Site: siteName, Link: codeLink, Life: 10 * time.Minute})
	if err != nil {
		return err
	}
	for i := range mailKinds {
		msg, err := mailer.Render(otp.Login, "en", fmt.Sprintf("01997d4e-6f2a-7cc3-98c4-%012d", i), fmt.Sprintf("%06d", i*7919%1000000))
		if err != nil {
			return err
		}
		var body bytes.Buffer
		enc := json.NewEncoder(&body)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct { // as the service seals it
			Text string `json:"text"`
			HTML string `json:"html"`
		}{msg.Text, msg.HTML}); err != nil {
			return err
		}
		b.subject = msg.Subject
		b.sealed = append(b.sealed, b.ring.Seal(secret.LabelMail, "", body.Bytes()))
		mime, err := mail.Compose(mail.Content{
			MessageID: fmt.Sprintf("<%d.5f5e100000000@shop.example>", i), Date: time.Now(), From: mailFrom,
			To: []string{recipient(i)}, Subject: msg.Subject, Text: msg.Text, HTML: msg.HTML,
			Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		})
		if err != nil {
			return err
		}
		b.mime = append(b.mime, string(mime))
	}
	return nil
}

func recipient(i int) string { return fmt.Sprintf("user%d@example.com", i) }

// count gives how many mails fill a round of a side.
func (b *mailsBench) count(side string) int {
	if r := b.rate[side]; r > 0 {
		return max(mailConnections, int(r*b.length.Seconds()))
	}
	return mailsAtFirst
}

func (b *mailsBench) drain(ctx context.Context) (spell, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	n := b.count("drain")
	if err := b.sink.expect(n); err != nil {
		return spell{}, err
	}
	tx, err := b.admin.Begin(ctx)
	if err != nil {
		return spell{}, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after the commit there is nothing to take back
	if _, err := tx.Exec(ctx, mailsEnqueueSQL, n, b.subject, b.sealed); err != nil {
		return spell{}, err
	}
	s, err := b.spell(func() (float64, error) {
		if err := tx.Commit(ctx); err != nil {
			return 0, err
		}
		if _, err := b.sink.wait(ctx); err != nil {
			return 0, err
		}
		return float64(n), b.empty(ctx)
	})
	b.rate["drain"] = s.rate()
	return s, err
}

// empty waits until every result is written.
func (b *mailsBench) empty(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var left bool
		if err := b.admin.QueryRow(ctx, mailsLeftSQL).Scan(&left); err != nil || !left {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// latency enqueues one mail after the other, each in a transaction of its own,
// while nothing else is to do.
func (b *mailsBench) latency(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var waits []time.Duration
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range lonelyMails {
		<-tick.C
		if err := b.sink.expect(1); err != nil {
			return err
		}
		start := time.Now()
		if _, err := b.admin.Exec(ctx, mailsEnqueueSQL, 1, b.subject, b.sealed[:1]); err != nil {
			return err
		}
		at, err := b.sink.wait(ctx)
		if err != nil {
			return err
		}
		waits = append(waits, at.Sub(start))
	}
	slices.Sort(waits)
	ms := func(share float64) float64 {
		return waits[int(share*float64(len(waits)-1))].Seconds() * 1000
	}
	b.verdict.tell("one mail each 10 ms, enqueue to the sink's 250, p50", ms(0.5), "ms")
	b.verdict.tell("one mail each 10 ms, enqueue to the sink's 250, p99", ms(0.99), "ms")
	return nil
}
