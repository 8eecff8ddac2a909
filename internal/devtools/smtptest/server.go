package smtptest

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// Options say what a Server offers and what it does wrong.
type Options struct {
	Extensions        []string         // of the EHLO reply; nil: DefaultExtensions. STARTTLS and AUTH follow from the fields below
	Fault             func(Turn) Fault // nil: none. It may block: that is a slow answer
	OnReceived        func(Received)   // called with each mail, before its answer
	MailsPerConn      int              // closes a connection without a word after so many; 0: never
	MaxConnections    int              // answers 421 to those beyond; 0: accepts any number
	Certificate       *tls.Certificate // offers STARTTLS
	ImplicitTLS       bool             // TLS from the first byte, with the certificate
	Password          string           // required by AUTH PLAIN before MAIL, with any user; "" requires none
	WithoutMailBodies bool             // forgets Received.Data
}

// DefaultExtensions are those of an ordinary mail server.
func DefaultExtensions() []string {
	return []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"}
}

// Received is one mail that the server has as a whole.
type Received struct {
	At       time.Time
	From, To string // To is the last recipient
	UTF8     bool   // MAIL asked for SMTPUTF8
	Data     string // without the dots of the transport
	Answered bool   // false: the client did not get the 250
}

// Server is a mail server on a port of this machine.
type Server struct {
	Address string

	listener *listener

	mu       sync.Mutex
	options  Options
	turns    map[Phase]int
	received []Received
	cutOff   int
	password bool
}

// NewServer starts a server that ends with the test.
func NewServer(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := Listen(context.Background(), o)
	if err != nil {
		tb.Fatalf("smtptest: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Listen starts a server.
func Listen(ctx context.Context, o Options) (*Server, error) {
	s := &Server{options: o, turns: map[Phase]int{}}
	started := make(chan struct{})                                           // connections are counted by the listener
	l, err := listen(ctx, func(_ int, c net.Conn) { <-started; s.serve(c) }) //nolint:contextcheck // connections end with Close, not with ctx
	if err != nil {
		return nil, err
	}
	s.listener, s.Address = l, l.Addr().String()
	close(started)
	return s, nil
}

// Close ends the server and all of its connections.
func (s *Server) Close() { s.listener.close() }

// Change changes the options for connections that come from now on; Fault and
// OnReceived for all.
func (s *Server) Change(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.options)
}

func (s *Server) current() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options
}

// Received gives the mails so far, in order.
func (s *Server) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// CutOff is how many messages were broken off by a fault at Body.
func (s *Server) CutOff() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cutOff
}

// SawPassword reports whether a client has sent a password, right or wrong.
func (s *Server) SawPassword() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.password
}

// fault asks what is to go wrong now.
func (s *Server) fault(t Turn) Fault {
	s.mu.Lock()
	s.turns[t.Phase]++
	t.N = s.turns[t.Phase]
	ask := s.options.Fault
	s.mu.Unlock()
	if ask == nil {
		return None
	}
	return ask(t)
}

func (s *Server) keep(r Received) {
	s.mu.Lock()
	s.received = append(s.received, r)
	report := s.options.OnReceived
	s.mu.Unlock()
	if report != nil {
		report(r)
	}
}
