package smtp

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// sink is a real SMTP server that keeps what it takes.
type sink struct {
	address  string
	password string

	mu     sync.Mutex
	got    []received
	authed bool
}

type received struct {
	from, to, data string
	utf8           bool
}

type sinkOptions struct {
	cert     *tls.Certificate
	implicit bool
	password string // wanted when not empty
	utf8     bool
}

func startSink(t *testing.T, o sinkOptions) *sink {
	t.Helper()
	s := &sink{password: o.password}
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &sinkSession{sink: s}, nil }))
	server.Domain, server.EnableSMTPUTF8, server.AllowInsecureAuth = "sink.example", o.utf8, true
	server.ErrorLog = log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	if o.cert != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.cert}}
		if o.implicit {
			listener = tls.NewListener(listener, server.TLSConfig)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // Close does not know it if Serve had not begun
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		wg.Wait()
	})
	return s
}

func (s *sink) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *sink) sawPassword() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.authed
}

type sinkSession struct {
	*sink
	mail   received
	authed bool
}

func (s *sinkSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		s.mu.Lock()
		s.sink.authed = true
		s.mu.Unlock()
		if password != s.password {
			return gosmtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

func (s *sinkSession) Mail(from string, o *gosmtp.MailOptions) error {
	if s.password != "" && !s.authed {
		return gosmtp.ErrAuthRequired
	}
	s.mail = received{from: from, utf8: o.UTF8}
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *gosmtp.RcptOptions) error { s.mail.to = to; return nil }

func (s *sinkSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mail.data = string(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, s.mail)
	return err
}

func (s *sinkSession) Reset()        {}
func (s *sinkSession) Logout() error { return nil }
