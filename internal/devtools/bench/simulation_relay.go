package main

import (
	"context"
	"sync/atomic"
	"time"

	"sespan/internal/mail"
)

// virtualRelay takes each mail after its latency and does nothing with it.
type virtualRelay struct {
	latency time.Duration
	sent    atomic.Int64
	took    func(recipient string) // of each mail; nil: nobody is told
}

// Send implements mail.Sender.
func (r *virtualRelay) Send(_ context.Context, e mail.Envelope) (mail.Receipt, error) {
	if err := e.Begin(); err != nil {
		return mail.Receipt{}, err
	}
	time.Sleep(r.latency)
	if r.took != nil {
		r.took(e.Recipient)
	}
	r.sent.Add(1)
	return mail.Receipt{Relay: "relay.example.com:25", Reply: "2.0.0 Ok: queued as 4bX3vW1Kz7"}, nil
}

// Ready implements mail.Sender.
func (*virtualRelay) Ready(context.Context) error { return nil }
