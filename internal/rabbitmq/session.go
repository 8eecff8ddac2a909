package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

// closeTimeout is for the broker to say good-bye.
const closeTimeout = 2 * time.Second

var (
	errClosed   = errors.New("rabbitmq: closed")
	errNoAnswer = errors.New("rabbitmq: the broker does not answer a call")
)

// session is one connection, from the moment it stands until it ends. Whatever goes wrong on a channel of it ends it.
type session struct {
	conn    *amqp.Connection
	socket  io.Closer
	address string
	blocked *gate

	once  sync.Once
	ended chan struct{} // closed at the end
	err   error         // why it ended; read it after that
}

func newSession(conn *amqp.Connection, socket io.Closer, address string) *session {
	s := &session{conn: conn, socket: socket, address: address, ended: make(chan struct{}), blocked: newGate()}
	closes, blocks := conn.NotifyClose(make(chan *amqp.Error, 1)), conn.NotifyBlocked(make(chan amqp.Blocking, 4))
	go func() { // ends with the connection: the library closes both
		for b := range blocks {
			s.blocked.set(b.Active, b.Reason)
		}
		s.end(amqpError(<-closes))
	}()
	return s
}

// channel opens one whose end is the session's.
func (s *session) channel() (*amqp.Channel, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	go func() { s.end(amqpError(<-closes)) }()
	return ch, nil
}

// amqpError is the library's pointer as an error, nil for an end without one.
func amqpError(e *amqp.Error) error {
	if e == nil {
		return nil
	}
	return e
}

func (s *session) end(err error) {
	s.once.Do(func() {
		if s.err = errClosed; err != nil {
			s.err = fmt.Errorf("rabbitmq: the connection to %s ended: %s", s.address, reason(err))
		}
		close(s.ended)
	})
}

// close ends the connection, which waits for what has been written to be read, for a while: a broker that answers heartbeats
// but not this would have the library wait for ever.
func (s *session) close() {
	s.end(nil)
	defer time.AfterFunc(closeTimeout, func() { _ = s.socket.Close() }).Stop()
	_ = s.conn.Close()
}

// within gives calls to the broker a time: the library waits for their answers without one, and heartbeats go on while a
// queue that is recovering does not answer.
func (s *session) within(limit time.Duration, calls func() error) error {
	var late atomic.Bool
	defer time.AfterFunc(limit, func() {
		late.Store(true)
		s.end(errNoAnswer)
		s.close()
	}).Stop()
	err := calls()
	if err != nil && late.Load() {
		return errNoAnswer
	}
	return err
}

// state is nil while the session can be used.
func (s *session) state() error {
	select {
	case <-s.ended:
		return s.err
	default:
	}
	if is, why := s.blocked.state(); is {
		return refusal(why)
	}
	return nil
}

// refusal is of a broker that is short of something.
func refusal(why string) error {
	return fmt.Errorf("%w: RabbitMQ is short of resources (%s)", mail.ErrRefused, why)
}

// gate is shut while the broker takes nothing.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // closed while it is
	is   bool
	why  string
}

func newGate() *gate { return &gate{shut: make(chan struct{})} }

func (g *gate) set(shut bool, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.why = why
	if shut == g.is {
		return
	}
	if g.is = shut; shut {
		close(g.shut)
	} else {
		g.shut = make(chan struct{})
	}
}

func (g *gate) state() (bool, string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.is, g.why
}

// wait is closed when the gate shuts.
func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
