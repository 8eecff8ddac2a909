package main

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	simplemail "github.com/xhit/go-simple-mail/v2"
)

// raw sends the same mails with nothing but the library, over as many connections
// that are kept.
func (b *mailsBench) raw(ctx context.Context) (spell, error) {
	host, text, err := net.SplitHostPort(b.sink.addr)
	if err != nil {
		return spell{}, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return spell{}, err
	}
	clients := make([]*simplemail.SMTPClient, mailConnections)
	for i := range clients {
		server := simplemail.NewSMTPClient()
		server.Host, server.Port, server.KeepAlive, server.SendTimeout = host, port, true, 0
		if clients[i], err = server.Connect(); err != nil {
			return spell{}, err
		}
		defer clients[i].Quit() //nolint:errcheck // the round is over
	}
	n := int64(b.count("raw"))
	if err := b.sink.expect(int(n)); err != nil {
		return spell{}, err
	}
	var next atomic.Int64
	s, err := b.spell(func() (float64, error) {
		_, err := parallel(ctx, mailConnections, time.Hour, func(worker int) (bool, error) {
			i := next.Add(1)
			if i > n {
				return false, nil
			}
			kind := int(i % mailKinds)
			return true, simplemail.SendMessage("no-reply@shop.example", []string{recipient(kind)}, b.mime[kind], clients[worker])
		})
		if err != nil {
			return 0, err
		}
		_, err = b.sink.wait(ctx)
		return float64(n), err
	})
	b.rate["raw"] = s.rate()
	return s, err
}
