package smtp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sespan/internal/mail"
)

// Sender delivers mails to one relay. It is safe for any number of goroutines; as
// many of them as Config.Connections make progress at a time.
type Sender struct {
	cfg       Config
	tls       *tls.Config
	secrets   []string // what a relay must not echo into a log
	pool      *pool
	connLimit connectionLimit
	life      context.Context // ends when Close stops waiting
	kill      context.CancelFunc
	done      chan struct{}
	once      sync.Once

	noChunking          atomic.Bool // the relay offered CHUNKING and could not do it
	noPipelinedEnvelope atomic.Bool // the relay offered PIPELINING and does not answer what follows a final dot

	background sync.WaitGroup
}

// New checks the configuration and connects nowhere yet. The Sender is to be closed.
func New(cfg Config) (*Sender, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("smtp relay: %w", err)
	}
	cfg = cfg.withDefaults()
	s := &Sender{
		cfg: cfg,
		tls: &tls.Config{
			ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(cfg.Connections),
		},
		pool: newPool(cfg.Connections, cfg.Now),
		done: make(chan struct{}),
	}
	s.life, s.kill = context.WithCancel(context.Background())
	if cfg.Password != "" {
		plain := "\x00" + cfg.Username + "\x00" + cfg.Password
		for _, secret := range []string{plain, cfg.Password} {
			s.secrets = append(s.secrets, base64.StdEncoding.EncodeToString([]byte(secret)))
		}
		s.secrets = append(s.secrets, cfg.Password)
	}
	s.background.Go(s.reap)
	return s, nil
}

// Send delivers one mail to one recipient. The error is a *mail.SendError; when
// ctx ends the connection is cut and the verdict says how far the mail had come.
func (s *Sender) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	tx, err := newTransaction(e)
	if err != nil {
		return mail.Receipt{}, err
	}
	c, err := s.acquire(ctx, &tx, s.cfg.NoopAfter)
	if err != nil {
		return mail.Receipt{}, err
	}
	defer func() { s.release(c) }()
	if tx.mustUTF8 && !c.wire.caps.utf8 {
		return mail.Receipt{}, &mail.SendError{
			Verdict: mail.Dead, Reason: "composed", Enhanced: "5.6.7",
			Err: fmt.Errorf("the relay %s takes no addresses beyond ASCII (SMTPUTF8)", s.cfg.Address()),
		}
	}
	idle := s.cfg.Now().Sub(c.lastUsed)
	text, err := c.deliver(ctx, tx, func() *transaction { return s.reserveNext(c, tx) })
	if full := connectionFull(err, c); full || err != nil && c.stale() {
		s.noteClosed(ctx, c, idle, full)
		s.pool.unreserve(c, nil)
		s.closeConn(c)
		if c, _, err = s.dialSlot(ctx); err != nil {
			return mail.Receipt{}, err
		}
		text, err = c.deliver(ctx, tx, nil)
	}
	if err != nil {
		return mail.Receipt{}, err
	}
	return mail.Receipt{Relay: s.cfg.Address(), Reply: text}, nil
}

// noteClosed learns from a relay that ended a connection.
func (s *Sender) noteClosed(ctx context.Context, c *conn, idle time.Duration, full bool) {
	if errors.Is(c.wire.broken, errNoChunking) {
		if !s.noChunking.Swap(true) {
			s.cfg.Logger.WarnContext(ctx, "smtp: the relay offers CHUNKING and cannot do it; going on without", "relay", s.cfg.Address())
		}
		return
	}
	if errors.Is(c.wire.broken, errNoPipelinedEnvelope) {
		if !s.noPipelinedEnvelope.Swap(true) {
			s.cfg.Logger.WarnContext(ctx, "smtp: the relay offers PIPELINING and does not answer an envelope that follows a message; sending it without", "relay", s.cfg.Address())
		}
		return
	}
	if limit := s.connLimit.onClosed(c.sent-1, idle, full, s.cfg.Now()); limit > 0 {
		s.cfg.Logger.InfoContext(ctx, "smtp: the relay limits the mails over one connection", "relay", s.cfg.Address(), "mails", limit)
	}
}

// expired reports whether the connection will have reached a limit after more mails.
func (s *Sender) expired(c *conn, now time.Time, more int) bool {
	most := s.connLimit.current(now)
	return most > 0 && c.sent+more >= most || c.expired(s.cfg, now, more)
}

// Address is the relay's host:port.
func (s *Sender) Address() string { return s.cfg.Address() }

// Check reports whether the relay can be reached and takes our credentials: it
// waits for a connection, dials one if none is kept, and asks NOOP.
func (s *Sender) Check(ctx context.Context) error {
	c, err := s.acquire(ctx, nil, 0)
	if err != nil {
		return err
	}
	s.release(c)
	return nil
}

// acquire waits for a slot and gives a connection that can take the mail tx (nil for
// none), whose envelope may have gone out on it.
func (s *Sender) acquire(ctx context.Context, tx *transaction, noopAfter time.Duration) (*conn, error) {
	for {
		c, err := s.pool.acquire(ctx, tx)
		if err != nil {
			return nil, acquireError(ctx, err)
		}
		if c != nil && c.wire.nextEnvelopeSent {
			return c, nil
		}
		if c != nil {
			now := s.cfg.Now()
			if !s.expired(c, now, 0) && c.revalidate(ctx, now, noopAfter) == nil {
				return c, nil
			}
			s.closeConn(c)
		}
		c, again, err := s.dialSlot(ctx)
		if !again {
			return c, err
		}
	}
}

func acquireError(ctx context.Context, err error) *mail.SendError {
	reason := "closed"
	if ctx.Err() != nil {
		reason, err = "timeout", fmt.Errorf("ended by the caller before a connection was free: %w", err)
	}
	return &mail.SendError{Verdict: mail.Retry, Reason: reason, Err: err, Unreached: errors.Is(err, errDown)}
}

// dialSlot dials for a slot that the caller holds; if that fails the slot is gone.
// Again: the relay wants no more connections, but others are open to wait for.
func (s *Sender) dialSlot(ctx context.Context) (c *conn, again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.life, cancel) //nolint:contextcheck // Close ends the dial too, beside the caller
	defer stop()
	if c, err = s.dial(ctx); err == nil {
		s.pool.track(c)
		if s.life.Err() != nil { // Close cut everything off while this one was made
			c.wire.abort()
		}
		return c, false, nil
	}
	if tooManyConnections(err) {
		var limit int
		if limit, again = s.pool.lowerLimit(); again {
			s.cfg.Logger.WarnContext(ctx, "smtp: the relay takes no more connections", "relay", s.cfg.Address(), "limit", limit)
		}
	}
	s.pool.releaseSlot()
	return nil, again, err
}

// release gives the slot of a used connection back; one on which an envelope has
// gone out goes to the mail of that envelope.
func (s *Sender) release(c *conn) {
	if c == nil {
		return
	}
	c.lastUsed, c.reused = s.cfg.Now(), true
	switch {
	case c.wire.broken != nil:
	case c.wire.nextEnvelopeSent:
		if s.pool.handOver(c) {
			return
		}
	case !s.expired(c, c.lastUsed, 0) && s.pool.putIdle(c):
		return
	}
	s.pool.unreserve(c, nil)
	s.closeAsync(c)
}

// closeAsync ends a connection and gives its slot back. The mail is done: its caller
// need not wait for QUIT.
func (s *Sender) closeAsync(c *conn) {
	s.background.Go(func() {
		s.closeConn(c)
		s.pool.releaseSlot()
	})
}

// closeConn closes a connection; its slot stays with the caller.
func (s *Sender) closeConn(c *conn) {
	c.quit()
	s.pool.untrack(c)
}

// reap ends connections that idle too long, so that the relay need not.
func (s *Sender) reap() {
	tick := time.NewTicker(max(s.cfg.IdleTimeout/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		for _, c := range s.pool.evictIdle(func(c *conn) bool { return s.expired(c, s.cfg.Now(), 0) }) {
			s.closeConn(c)
			s.pool.releaseSlot()
		}
	}
}

// Close takes no more mails and waits for those under way until ctx ends, then
// cuts them off. Idle connections are closed with QUIT.
func (s *Sender) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.done) })
	var quitting sync.WaitGroup
	for _, c := range s.pool.close() {
		quitting.Go(func() {
			s.closeConn(c)
			s.pool.releaseSlot()
		})
	}
	defer s.kill()
	defer s.background.Wait()
	defer quitting.Wait()
	select {
	case <-s.pool.drained:
		return nil
	case <-ctx.Done():
	}
	s.kill()
	s.pool.abort()
	<-s.pool.drained
	return fmt.Errorf("mails under way were cut off: %w", context.Cause(ctx))
}
