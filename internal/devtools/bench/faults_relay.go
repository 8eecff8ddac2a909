package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"net"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// faults are the bad days of a relay.
type faults struct {
	Rate        float64 // share of tries that meet each kind of fault
	CloseAfter  int     // mails after which it closes a connection; 0 never
	ChunkingOff bool    // does not offer CHUNKING, so that envelopes are said ahead
}

// take is one mail that the relay has as a whole.
type take struct {
	at   time.Time
	lost bool // and whose answer it did not give
}

// faultyRelay is an SMTP server that remembers what it has.
type faultyRelay struct {
	addr   string
	server *gosmtp.Server

	mu    sync.Mutex
	how   faults
	tries map[string]int
	taken map[string][]take
}

func newFaultyRelay(ctx context.Context) (*faultyRelay, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &faultyRelay{addr: l.Addr().String(), tries: map[string]int{}, taken: map[string][]take{}}
	r.server = gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) {
		return &faultySession{faultyRelay: r, conn: c.Conn()}, nil
	}))
	r.server.Domain = "faulty.example"
	r.server.ErrorLog = log.New(io.Discard, "", 0)
	go r.server.Serve(shy{l, r}) //nolint:errcheck // ends with close
	return r, nil
}

// shy is a listener whose connections say CHUNKING or not, as the day is.
type shy struct {
	net.Listener
	relay *faultyRelay
}

func (s shy) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err == nil && s.relay.today().ChunkingOff {
		c = withoutChunking{c}
	}
	return c, err
}

func (r *faultyRelay) close() { _ = r.server.Close() }

func (r *faultyRelay) set(how faults) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.how = how
}

// report gives what was taken, by recipient.
func (r *faultyRelay) report() map[string][]take {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string][]take, len(r.taken))
	for k, v := range r.taken {
		out[k] = append([]take(nil), v...)
	}
	return out
}

// The kinds of fault of one try.
const (
	fine = iota
	refuseForGood
	refuseForNow
	refuseMessage
	goingAway
	stall
	hangUpBefore
	hangUpAfter
	kinds
)

// fate is the same for a recipient's nth try whatever else happens. The fourth
// try goes well, so that every phase ends.
func (r *faultyRelay) fate(recipient string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries[recipient]++
	n := r.tries[recipient]
	if n > 3 || r.how.Rate == 0 {
		return fine
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, n, recipient)
	kind := 1 + int(float64(h.Sum64()>>11)/(1<<53)/r.how.Rate)
	if kind >= kinds || kind == refuseForGood && n > 1 {
		return fine
	}
	return kind
}

func (r *faultyRelay) note(recipient string, t take) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[recipient] = append(r.taken[recipient], t)
}

func (r *faultyRelay) today() faults {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.how
}

// faultySession is one connection.
type faultySession struct {
	*faultyRelay
	conn  net.Conn
	to    string
	kind  int
	mails int
}

func (*faultySession) Reset()        {}
func (*faultySession) Logout() error { return nil }

func (s *faultySession) Mail(string, *gosmtp.MailOptions) error {
	if n := s.today().CloseAfter; n > 0 && s.mails >= n {
		defer s.conn.Close() //nolint:errcheck // gone without a word
		return &gosmtp.SMTPError{Code: 421, EnhancedCode: gosmtp.EnhancedCode{4, 7, 0}, Message: "Enough mails on this connection"}
	}
	s.mails++
	return nil
}

func (s *faultySession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.to, s.kind = to, s.fate(to)
	switch s.kind {
	case refuseForGood:
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	case refuseForNow:
		return &gosmtp.SMTPError{Code: 450, EnhancedCode: gosmtp.EnhancedCode{4, 2, 0}, Message: "Mailbox busy"}
	case goingAway:
		defer s.conn.Close() //nolint:errcheck // that is the fault
		return &gosmtp.SMTPError{Code: 421, EnhancedCode: gosmtp.EnhancedCode{4, 3, 2}, Message: "Shutting down"}
	}
	return nil
}

func (s *faultySession) Data(r io.Reader) error {
	if s.kind == hangUpBefore {
		_, _ = io.CopyN(io.Discard, r, 100) // a part of it
		return s.conn.Close()
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err // the client has gone before the end
	}
	taken := take{at: time.Now()}
	switch s.kind {
	case refuseMessage:
		return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 3, 0}, Message: "Out of space"}
	case stall:
		time.Sleep(500 * time.Millisecond)
	case hangUpAfter:
		taken.lost = true
		s.note(s.to, taken)
		return s.conn.Close()
	}
	s.note(s.to, taken)
	return nil
}
