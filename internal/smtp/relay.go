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

// Relay delivers mails to one mail server. It is safe for any number of goroutines; as
// many of them as Config.Connections make progress at a time.
type Relay struct {
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

// NewRelay checks the configuration and connects nowhere yet. The Relay is to be closed.
func NewRelay(cfg Config) (*Relay, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("smtp relay: %w", err)
	}
	cfg = cfg.withDefaults()
	r := &Relay{
		cfg: cfg,
		tls: &tls.Config{
			ServerName: cfg.Host, RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(cfg.Connections),
		},
		pool: newPool(cfg.Connections, cfg.Now),
		done: make(chan struct{}),
	}
	r.life, r.kill = context.WithCancel(context.Background())
	if cfg.Password != "" {
		plain := "\x00" + cfg.Username + "\x00" + cfg.Password
		for _, secret := range []string{plain, cfg.Password} {
			r.secrets = append(r.secrets, base64.StdEncoding.EncodeToString([]byte(secret)))
		}
		r.secrets = append(r.secrets, cfg.Password)
	}
	r.background.Go(r.reap)
	return r, nil
}

// Send delivers one mail to one recipient. The error is a *mail.SendError; when
// ctx ends the connection is cut and the verdict says how far the mail had come.
func (r *Relay) Send(ctx context.Context, e mail.Envelope) (mail.Receipt, error) {
	tx, err := newTransaction(e)
	if err != nil {
		return mail.Receipt{}, err
	}
	c, err := r.acquire(ctx, &tx, r.cfg.NoopAfter)
	if err != nil {
		return mail.Receipt{}, err
	}
	defer func() { r.release(c) }()
	if tx.mustUTF8 && !c.wire.caps.utf8 {
		return mail.Receipt{}, &mail.SendError{
			Verdict: mail.Dead, Reason: "composed", Enhanced: "5.6.7",
			Err: fmt.Errorf("the relay %s takes no addresses beyond ASCII (SMTPUTF8)", r.cfg.Address()),
		}
	}
	if tx.utf8 && !c.wire.caps.utf8 && e.ASCII != nil {
		if err := tx.reduce(e.ASCII); err != nil {
			return mail.Receipt{}, err
		}
	}
	if err := begin(c, e); err != nil {
		return mail.Receipt{}, err
	}
	idle := r.cfg.Now().Sub(c.lastUsed)
	text, err := c.deliver(ctx, tx, func() *transaction { return r.reserveNext(c, tx) })
	if full := connectionFull(err, c); full || err != nil && c.stale() {
		r.noteClosed(ctx, c, idle, full)
		r.pool.unreserve(c, nil)
		r.closeConn(c)
		if c, _, err = r.dialSlot(ctx); err != nil {
			return mail.Receipt{}, err
		}
		text, err = c.deliver(ctx, tx, nil)
	}
	if err != nil {
		return mail.Receipt{}, err
	}
	return mail.Receipt{Relay: r.cfg.Address(), Reply: text}, nil
}

// begin asks whether the mail may still be sent. If not, a relay that has its envelope
// and waits for the message loses the connection.
func begin(c *conn, e mail.Envelope) error {
	if e.Begin == nil {
		return nil
	}
	err := e.Begin()
	if err != nil && c.wire.nextEnvelopeSent {
		c.wire.broken = err
	}
	return err
}

// noteClosed learns from a relay that ended a connection.
func (r *Relay) noteClosed(ctx context.Context, c *conn, idle time.Duration, full bool) {
	if errors.Is(c.wire.broken, errNoChunking) {
		if !r.noChunking.Swap(true) {
			r.cfg.Logger.WarnContext(ctx, "smtp: the relay offers CHUNKING and cannot do it; going on without", "relay", r.cfg.Address())
		}
		return
	}
	if errors.Is(c.wire.broken, errNoPipelinedEnvelope) {
		if !r.noPipelinedEnvelope.Swap(true) {
			r.cfg.Logger.WarnContext(ctx, "smtp: the relay offers PIPELINING and does not answer an envelope that follows a message; sending it without", "relay", r.cfg.Address())
		}
		return
	}
	if limit := r.connLimit.onClosed(c.sent-1, idle, full, r.cfg.Now()); limit > 0 {
		r.cfg.Logger.InfoContext(ctx, "smtp: the relay limits the mails over one connection", "relay", r.cfg.Address(), "mails", limit)
	}
}

// expired reports whether the connection will have reached a limit after more mails.
func (r *Relay) expired(c *conn, now time.Time, more int) bool {
	most := r.connLimit.current(now)
	return most > 0 && c.sent+more >= most || c.expired(r.cfg, now, more)
}

// Address is the relay's host:port.
func (r *Relay) Address() string { return r.cfg.Address() }

// Check reports whether the relay can be reached and takes our credentials: it
// waits for a connection, dials one if none is kept, and asks NOOP.
func (r *Relay) Check(ctx context.Context) error {
	c, err := r.acquire(ctx, nil, 0)
	if err != nil {
		return err
	}
	r.release(c)
	return nil
}

// acquire waits for a slot and gives a connection that can take the mail tx (nil for
// none), whose envelope may have gone out on it.
func (r *Relay) acquire(ctx context.Context, tx *transaction, noopAfter time.Duration) (*conn, error) {
	for {
		c, err := r.pool.acquire(ctx, tx)
		if err != nil {
			return nil, acquireError(ctx, err)
		}
		if c != nil && c.wire.nextEnvelopeSent {
			return c, nil
		}
		if c != nil {
			now := r.cfg.Now()
			if !r.expired(c, now, 0) && c.revalidate(ctx, now, noopAfter) == nil {
				return c, nil
			}
			r.closeConn(c)
		}
		c, again, err := r.dialSlot(ctx)
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
func (r *Relay) dialSlot(ctx context.Context) (c *conn, again bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(r.life, cancel) //nolint:contextcheck // Close ends the dial too, beside the caller
	defer stop()
	if c, err = r.dial(ctx); err == nil {
		r.pool.track(c)
		if r.life.Err() != nil { // Close cut everything off while this one was made
			c.wire.abort()
		}
		return c, false, nil
	}
	if tooManyConnections(err) {
		var limit int
		if limit, again = r.pool.lowerLimit(); again {
			r.cfg.Logger.WarnContext(ctx, "smtp: the relay takes no more connections", "relay", r.cfg.Address(), "limit", limit)
		}
	}
	if se, ok := errors.AsType[*mail.SendError](err); ok && !again && ctx.Err() == nil && healthOf(se) == down {
		r.pool.reject() // before one of them gets the slot, and dials a relay that does not answer
	}
	r.pool.releaseSlot()
	return nil, again, err
}

// release gives the slot of a used connection back; one on which an envelope has
// gone out goes to the mail of that envelope.
func (r *Relay) release(c *conn) {
	if c == nil {
		return
	}
	c.lastUsed, c.reused = r.cfg.Now(), true
	switch {
	case c.wire.broken != nil:
	case c.wire.nextEnvelopeSent:
		if r.pool.handOver(c) {
			return
		}
	case !r.expired(c, c.lastUsed, 0) && r.pool.putIdle(c):
		return
	}
	r.pool.unreserve(c, nil)
	r.closeAsync(c)
}

// closeAsync ends a connection and gives its slot back. The mail is done: its caller
// need not wait for QUIT.
func (r *Relay) closeAsync(c *conn) {
	r.background.Go(func() {
		r.closeConn(c)
		r.pool.releaseSlot()
	})
}

// closeConn closes a connection; its slot stays with the caller.
func (r *Relay) closeConn(c *conn) {
	c.quit()
	r.pool.untrack(c)
}

// reap ends connections that idle too long, so that the relay need not.
func (r *Relay) reap() {
	tick := time.NewTicker(max(r.cfg.IdleTimeout/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-tick.C:
		}
		for _, c := range r.pool.evictIdle(func(c *conn) bool { return r.expired(c, r.cfg.Now(), 0) }) {
			r.closeConn(c)
			r.pool.releaseSlot()
		}
	}
}

// Close takes no more mails and waits for those under way until ctx ends, then
// cuts them off. Idle connections are closed with QUIT.
func (r *Relay) Close(ctx context.Context) error {
	r.once.Do(func() { close(r.done) })
	var quitting sync.WaitGroup
	for _, c := range r.pool.close() {
		quitting.Go(func() {
			r.closeConn(c)
			r.pool.releaseSlot()
		})
	}
	defer r.kill()
	defer r.background.Wait()
	defer quitting.Wait()
	select {
	case <-r.pool.drained:
		return nil
	case <-ctx.Done():
	}
	r.kill()
	r.pool.abort()
	<-r.pool.drained
	return fmt.Errorf("mails under way were cut off: %w", context.Cause(ctx))
}
