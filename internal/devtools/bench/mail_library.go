package main

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	simplemail "github.com/xhit/go-simple-mail/v2"
)

// library sends the same mails with nothing but the library, over as many connections
// that are kept.
func (b *mailBench) library(connections, n int) func(context.Context) (sample, error) {
	return func(ctx context.Context) (sample, error) {
		clients, closing, err := b.clients(connections)
		if err != nil {
			return sample{}, err
		}
		defer closing()
		if err := b.sink.expect(n); err != nil {
			return sample{}, err
		}
		var next atomic.Int64
		return b.sample(func() (float64, error) {
			_, err := parallel(ctx, connections, time.Hour, func(worker int) (bool, error) {
				i := int(next.Add(1))
				if i > n {
					return false, nil
				}
				variant := i % mailVariants
				return true, simplemail.SendMessage("no-reply@shop.example", []string{recipient(variant)}, b.mime[variant], clients[worker])
			})
			if err != nil {
				return 0, err
			}
			_, err = b.sink.wait(ctx)
			return float64(n), err
		})
	}
}

func (b *mailBench) clients(n int) (list []*simplemail.SMTPClient, closing func(), err error) {
	closing = func() {
		for _, c := range list {
			_ = c.Quit() // the round is over
		}
	}
	host, text, err := net.SplitHostPort(b.sink.addr)
	if err != nil {
		return nil, nil, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, nil, err
	}
	for range n {
		server := simplemail.NewSMTPClient()
		server.Host, server.Port, server.KeepAlive, server.SendTimeout = host, port, true, 0
		c, err := server.Connect()
		if err != nil {
			closing()
			return nil, nil, err
		}
		list = append(list, c)
	}
	return list, closing, nil
}
