package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"sespan/internal/devtools/smtptest"
)

// failures say how a phase's mail server fails.
type failures struct {
	Rate            float64 // share of tries that meet each kind of failure
	CloseAfter      int     // mails after which it closes a connection; 0 never
	WithoutChunking bool    // does not offer CHUNKING, so that messages come with DATA
}

// mailServer fails as a phase says and remembers what it has received.
type mailServer struct {
	*smtptest.Server

	mu       sync.Mutex
	failures failures
	tries    map[string]int // by recipient
}

func newMailServer(ctx context.Context) (*mailServer, error) {
	s := &mailServer{tries: map[string]int{}}
	var err error
	s.Server, err = smtptest.Listen(ctx, smtptest.Options{Fault: s.fault, WithoutMailBodies: true})
	return s, err
}

// set changes how it fails; what it offers changes for new connections.
func (s *mailServer) set(f failures) {
	s.mu.Lock()
	s.failures = f
	s.mu.Unlock()
	s.Change(func(o *smtptest.Options) {
		o.Extensions = smtptest.DefaultExtensions()
		if f.WithoutChunking {
			o.Extensions = []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"}
		}
	})
}

// byRecipient gives the mails it has, in order.
func (s *mailServer) byRecipient() map[string][]smtptest.Received {
	out := map[string][]smtptest.Received{}
	for _, r := range s.Received() {
		out[r.To] = append(out[r.To], r)
	}
	return out
}

// failure is what goes wrong with one try.
type failure int

const (
	noFailure failure = iota
	refusedForGood
	refusedForNow
	messageRefused
	shutDown
	slowAnswer
	lostBeforeEnd
	lostAnswer
	failureKinds
)

// fault answers the server's question what goes wrong now.
func (s *mailServer) fault(at smtptest.Turn) smtptest.Fault {
	switch at.Phase {
	case smtptest.MAIL:
		if n := s.closeAfter(); n > 0 && at.Mails >= n {
			return "421 4.7.0 Enough mails on this connection"
		}
	case smtptest.RCPT:
		return map[failure]smtptest.Fault{
			refusedForGood: "550 5.1.1 No such user", refusedForNow: "450 4.2.0 Mailbox busy", shutDown: "421 4.3.2 Shutting down",
		}[s.try(at.Recipient, 1)]
	case smtptest.Body:
		if s.try(at.Recipient, 0) == lostBeforeEnd {
			return smtptest.Drop
		}
	case smtptest.EndOfData:
		switch s.try(at.Recipient, 0) {
		case messageRefused:
			return "451 4.3.0 Out of space"
		case slowAnswer:
			time.Sleep(500 * time.Millisecond)
		case lostAnswer:
			return smtptest.Drop
		}
	}
	return smtptest.None
}

func (s *mailServer) closeAfter() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures.CloseAfter
}

// try gives the failure of a recipient's try, which begins with more = 1. It is the
// same for the nth try whatever else happens. The fourth try succeeds, so that every
// phase ends.
func (s *mailServer) try(recipient string, more int) failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries[recipient] += more
	n := s.tries[recipient]
	if n > 3 || s.failures.Rate == 0 {
		return noFailure
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, n, recipient)
	kind := 1 + failure(float64(h.Sum64()>>11)/(1<<53)/s.failures.Rate)
	if kind >= failureKinds || kind == refusedForGood && n > 1 {
		return noFailure
	}
	return kind
}
