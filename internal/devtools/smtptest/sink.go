package smtptest

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// SinkOptions say how a Sink behaves; zero is a near and quick one.
type SinkOptions struct {
	WithoutChunking bool                   // does not offer CHUNKING
	RoundTrip       time.Duration          // latency of its replies
	Delay           time.Duration          // for each mail
	OnReceived      func(recipient string) // called with each mail, before its answer
}

// Sink is an SMTP server that throws mails away.
type Sink struct {
	Address string

	options SinkOptions
	server  *gosmtp.Server
	socket  net.Listener
	wg      sync.WaitGroup
}

// NewSink starts a sink that ends with the test.
func NewSink(tb testing.TB, o SinkOptions) *Sink {
	tb.Helper()
	s, err := ListenSink(context.Background(), o)
	if err != nil {
		tb.Fatalf("smtptest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// ListenSink starts a sink.
func ListenSink(ctx context.Context, o SinkOptions) (*Sink, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Sink{Address: l.Addr().String(), options: o, socket: l}
	s.server = gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &sinkSession{sink: s}, nil }))
	s.server.Domain = "sink.example"
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	s.wg.Go(func() { _ = s.server.Serve(sinkListener{l, o}) }) // ends with Close
	return s, nil
}

// Close ends the sink and its connections.
func (s *Sink) Close() {
	_ = s.server.Close()
	_ = s.socket.Close() // the server does not know it if Serve had not begun
	s.wg.Wait()
}

// sinkSession is one connection.
type sinkSession struct {
	sink *Sink
	to   string
}

func (*sinkSession) Mail(string, *gosmtp.MailOptions) error        { return nil }
func (s *sinkSession) Rcpt(to string, _ *gosmtp.RcptOptions) error { s.to = to; return nil }
func (*sinkSession) Reset()                                        {}
func (*sinkSession) Logout() error                                 { return nil }

func (s *sinkSession) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if s.sink.options.Delay > 0 {
		time.Sleep(s.sink.options.Delay)
	}
	if s.sink.options.OnReceived != nil {
		s.sink.options.OnReceived(s.to)
	}
	return nil
}

// sinkListener's connections have latency, or do not offer CHUNKING.
type sinkListener struct {
	net.Listener
	options SinkOptions
}

func (l sinkListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.options.WithoutChunking {
		c = withoutChunking{c}
	}
	if l.options.RoundTrip > 0 {
		c = newDelayedConn(c, l.options.RoundTrip)
	}
	return c, nil
}

// withoutChunking takes CHUNKING out of the EHLO reply: go-smtp always offers it.
type withoutChunking struct{ net.Conn }

func (c withoutChunking) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(bytes.ReplaceAll(p, []byte("250-CHUNKING\r\n"), nil))
	return len(p), err
}
