package smtp

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	simplemail "github.com/xhit/go-simple-mail/v2"

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
	host, port, _ := net.SplitHostPort(devNull(b, delay))
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
	host, port, _ := net.SplitHostPort(devNull(b, delay))
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

// devNull is a go-smtp server that throws mails away; delay is its distance, there and back.
func devNull(b *testing.B, delay time.Duration) string {
	b.Helper()
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return discard{}, nil }))
	server.Domain = "null.example"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(far{listener, delay}) })
	b.Cleanup(func() { _ = server.Close(); _ = listener.Close(); wg.Wait() })
	return listener.Addr().String()
}

type discard struct{}

func (discard) Mail(string, *gosmtp.MailOptions) error { return nil }
func (discard) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (discard) Reset()                                 {}
func (discard) Logout() error                          { return nil }
func (discard) Data(r io.Reader) error                 { _, err := io.Copy(io.Discard, r); return err }

// far delays what its connections receive, as a round trip would.
type far struct {
	net.Listener
	delay time.Duration
}

func (f far) Accept() (net.Conn, error) {
	c, err := f.Listener.Accept()
	if err != nil || f.delay == 0 {
		return c, err
	}
	return farConn{c, f.delay}, nil
}

type farConn struct {
	net.Conn
	delay time.Duration
}

func (c farConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	time.Sleep(c.delay)
	return n, err
}
