package postgres

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
)

const longestDeaf = 30 * time.Second

// canary is a notification that the listener sends to itself through the pool, now
// and then and after each LISTEN. Only its arrival proves that notifications do
// arrive: a transaction pooler takes LISTEN and says nothing, and a half-open
// connection says nothing for ever.
//
//	pool ──NOTIFY sespan_canary_x, '7'──▶ server ──'7'──▶ LISTEN connection
//	  │                                                        │
//	  └── waits for 7 ◀────────────────────────────────────────┘
//	      there: its latency is known · not there in time: poll, cut, connect anew
type canary struct {
	listener *Listener
	pool     *Pool
	channel  string // its own: the canaries of other processes wake nobody here
	every    time.Duration
	patience time.Duration
	fresh    chan struct{} // a LISTEN has just been made
	heard    chan string
	latency  prometheus.Histogram
}

func newCanary(l *Listener, o ListenerOptions) *canary {
	c := &canary{
		listener: l, pool: o.Pool, channel: "sespan_canary_" + strconv.FormatUint(rand.Uint64(), 36), //nolint:gosec // a name, no secret
		every: orDefault(o.Canary, 3*time.Second), patience: orDefault(o.Patience, 2*time.Second),
		fresh: make(chan struct{}, 1), heard: make(chan string, 16),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sespan_listener_latency_seconds", Help: "From NOTIFY to its arrival at the listener, measured by a canary.",
			Buckets:                     []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	o.Metrics.MustRegister(c.latency)
	return c
}

// run sends canaries until ctx ends, about so often.
func (c *canary) run(ctx context.Context) {
	for n := 1; ; n++ {
		timer := time.NewTimer(c.every*3/4 + rand.N(c.every/2)) //nolint:gosec // spreads the load
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.fresh:
		case <-timer.C:
		}
		timer.Stop()
		if conn := c.listener.link.now(); conn != nil {
			c.sing(ctx, conn, strconv.Itoa(n))
		}
	}
}

// sing sends one canary and waits for it.
func (c *canary) sing(ctx context.Context, conn *pgx.Conn, payload string) {
	begin := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.patience)
	err := c.pool.queries.MailCanary(bounded, c.pool, c.channel, payload)
	cancel()
	if err != nil {
		return // the database does not answer, which says nothing about the listener
	}
	late := time.NewTimer(c.patience)
	defer late.Stop()
	for {
		select {
		case got := <-c.heard:
			if got != payload {
				continue // of a try that was given up
			}
			c.latency.Observe(time.Since(begin).Seconds())
			c.listener.link.good()
			c.listener.hears(ctx)
			return
		case <-ctx.Done():
			return
		case <-late.C:
			if c.listener.link.cut(conn) {
				c.listener.deaf(ctx, c.patience)
			}
			return
		}
	}
}

// HandleNotification implements pgxlisten.Handler.
func (c *canary) HandleNotification(_ context.Context, n *pgconn.Notification, _ *pgx.Conn) error {
	select {
	case c.heard <- n.Payload:
	default: // nobody has waited for many
	}
	return nil
}

// HandleBacklog implements pgxlisten.BacklogHandler.
func (c *canary) HandleBacklog(_ context.Context, _ string, conn *pgx.Conn) error {
	c.listener.link.made(conn)
	ring(c.fresh)
	return nil
}

// link is the connection of a listener, as the canary sees it.
type link struct {
	mu   sync.Mutex
	conn *pgx.Conn // nil while there is none that has said LISTEN
	deaf int       // connections in a row on which no canary arrived
}

func (l *link) made(conn *pgx.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
}

func (l *link) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
}

func (l *link) now() *pgx.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

func (l *link) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deaf
}

func (l *link) good() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = 0
}

// cut closes the socket under the connection, so that who waits on it hears of it;
// false when there is another one already.
func (l *link) cut(conn *pgx.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != conn {
		return false
	}
	l.conn = nil
	l.deaf++
	_ = conn.PgConn().Conn().Close() // it is of no use
	return true
}

// wait is the pause before the next connection, beyond that of every reconnect:
// none after a first failure, which is often a connection that died.
func (l *link) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf < 2 {
		return 0
	}
	return min(time.Second<<min(l.deaf, 10), longestDeaf)
}
