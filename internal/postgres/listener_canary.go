package postgres

import (
	"cmp"
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
)

const maxReconnectDelay = 30 * time.Second

// canary is a notification that the listener sends to itself through the pool, every
// few seconds and after each LISTEN. Only its arrival proves that notifications do
// arrive: a transaction pooler accepts LISTEN and forwards nothing, and a half-open
// connection delivers nothing for ever.
//
//	pool ──NOTIFY sespan_canary_x, '7'──▶ server ──'7'──▶ LISTEN connection
//	  │                                                        │
//	  └── waits for 7 ◀────────────────────────────────────────┘
//	      arrived: its latency is known · not in time: poll, reset, reconnect
type canary struct {
	listener *Listener
	pool     *Pool
	channel  string // its own: the canaries of other processes wake nobody here
	interval time.Duration
	timeout  time.Duration
	listened chan struct{} // a LISTEN has just been made
	received chan string
	latency  prometheus.Histogram
}

func newCanary(l *Listener, o ListenerOptions) *canary {
	c := &canary{
		listener: l, pool: o.Pool, channel: "sespan_canary_" + strconv.FormatUint(rand.Uint64(), 36), //nolint:gosec // a name, no secret
		interval: cmp.Or(o.CanaryInterval, 3*time.Second), timeout: cmp.Or(o.CanaryTimeout, 2*time.Second),
		listened: make(chan struct{}, 1), received: make(chan string, 16),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sespan_listener_latency_seconds", Help: "From NOTIFY to its arrival at the listener, measured by a canary.",
			Buckets:                     []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	o.Metrics.MustRegister(c.latency)
	return c
}

// run sends canaries until ctx ends, at about the interval.
func (c *canary) run(ctx context.Context) {
	for n := 1; ; n++ {
		timer := time.NewTimer(c.interval*3/4 + rand.N(c.interval/2)) //nolint:gosec // spreads the load
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.listened:
		case <-timer.C:
		}
		timer.Stop()
		if conn := c.listener.link.current(); conn != nil {
			c.send(ctx, conn, strconv.Itoa(n))
		}
	}
}

// send sends one canary and waits for it.
func (c *canary) send(ctx context.Context, conn *pgx.Conn, payload string) {
	begin := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	err := c.pool.queries.MailCanary(bounded, c.pool, c.channel, payload)
	cancel()
	if err != nil {
		return // the database does not answer, which says nothing about the listener
	}
	late := time.NewTimer(c.timeout)
	defer late.Stop()
	for {
		select {
		case got := <-c.received:
			if got != payload {
				continue // a canary that was given up
			}
			c.latency.Observe(time.Since(begin).Seconds())
			c.listener.link.markUp()
			c.listener.canaryArrived(ctx)
			return
		case <-ctx.Done():
			return
		case <-late.C:
			if c.listener.link.reset(conn) {
				c.listener.canaryLost(ctx, c.timeout)
			}
			return
		}
	}
}

// HandleNotification implements pgxlisten.Handler.
func (c *canary) HandleNotification(_ context.Context, n *pgconn.Notification, _ *pgx.Conn) error {
	select {
	case c.received <- n.Payload:
	default: // nobody waits, and has not for a while
	}
	return nil
}

// HandleBacklog implements pgxlisten.BacklogHandler.
func (c *canary) HandleBacklog(_ context.Context, _ string, conn *pgx.Conn) error {
	c.listener.link.markListening(conn)
	signalOnce(c.listened)
	return nil
}

// link is the connection of a listener, as the canary sees it.
type link struct {
	mu   sync.Mutex
	conn *pgx.Conn // nil while none listens
	lost int       // connections in a row on which no canary arrived
}

func (l *link) markListening(conn *pgx.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

func (l *link) markDown() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
}

func (l *link) current() *pgx.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

func (l *link) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *link) markUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = 0
}

// reset closes the socket under the connection, so that the read that waits on it
// fails; false when there is another one already.
func (l *link) reset(conn *pgx.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != conn {
		return false
	}
	l.conn = nil
	l.lost++
	_ = conn.PgConn().Conn().Close() // it is of no use
	return true
}

// wait is the pause before the next connection, beyond that of every reconnect:
// none after a first failure, which is often a connection that died.
func (l *link) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost < 2 {
		return 0
	}
	return min(time.Second<<min(l.lost, 10), maxReconnectDelay)
}
