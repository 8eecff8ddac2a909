package smtp

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	simplemail "github.com/xhit/go-simple-mail/v2"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// BenchmarkSend compares Relays with the bare library over as many connections
// (one goroutine each), on loopback and with a relay 20 ms away:
//
//	go test -run '^$' -bench Send ./internal/smtp
func BenchmarkSend(b *testing.B) {
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		for _, connections := range []int{4, 32} {
			name := fmt.Sprintf("away=%s/connections=%d", delay, connections)
			b.Run("library/"+name, func(b *testing.B) { benchLibrary(b, connections, delay) })
			b.Run("sender/"+name, func(b *testing.B) { benchSender(b, connections, delay) })
		}
	}
}

func codeMail() []byte {
	line := "<p>Your code is <strong>123 456</strong>. It is valid for ten minutes.</p>\r\n"
	return []byte("From: Shop <shop@shop.example>\r\nTo: b@shop.example\r\nSubject: Your code\r\n\r\n" + strings.Repeat(line, 40))
}

func benchSender(b *testing.B, connections int, delay time.Duration) {
	b.Helper()
	host, port, _ := net.SplitHostPort(smtptest.NewSink(b, smtptest.SinkOptions{RoundTrip: delay}).Address)
	s, err := NewRelays([]Config{{Host: host, Port: port, TLS: None, Connections: connections, MessagesPerConn: 1 << 30}}, RelaysOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(context.Background()) })
	e := mail.Envelope{From: "a@shop.example", Recipient: "b@shop.example", Data: codeMail()}
	spread(b, connections, func() func() error {
		return func() error {
			_, err := s.Send(b.Context(), e)
			return err
		}
	})
}

func benchLibrary(b *testing.B, connections int, delay time.Duration) {
	b.Helper()
	host, port, _ := net.SplitHostPort(smtptest.NewSink(b, smtptest.SinkOptions{RoundTrip: delay}).Address)
	number, _ := strconv.Atoi(port)
	message := string(codeMail())
	spread(b, connections, func() func() error {
		server := simplemail.NewSMTPClient()
		server.Host, server.Port, server.KeepAlive, server.SendTimeout = host, number, true, 0
		client, err := server.Connect()
		if err != nil {
			b.Fatal(err)
		}
		return func() error {
			return simplemail.SendMessage("a@shop.example", []string{"b@shop.example"}, message, client)
		}
	})
}

// spread runs b.N sends on that many goroutines.
func spread(b *testing.B, goroutines int, prepare func() func() error) {
	b.Helper()
	var wg sync.WaitGroup
	turns := make(chan struct{}, b.N)
	for range b.N {
		turns <- struct{}{}
	}
	close(turns)
	sends := make([]func() error, goroutines)
	for i := range sends {
		sends[i] = prepare()
	}
	b.ResetTimer()
	for _, send := range sends {
		wg.Go(func() {
			for range turns {
				if err := send(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
