package postgres

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgxlisten"
	"github.com/prometheus/client_golang/prometheus"
)

const reconnectDelay = 1500 * time.Millisecond

// ListenerOptions of a Listener. Logger and Metrics are required; zero values mean
// the defaults in brackets.
type ListenerOptions struct {
	URL      string // goes straight to the server: a transaction pooler swallows LISTEN
	Channels []string
	Logger   *slog.Logger
	Metrics  prometheus.Registerer

	Pool           *Pool         // through which a canary is sent; nil: none, a connection that stands is believed to work
	CanaryInterval time.Duration // between two canaries [3 s]
	CanaryTimeout  time.Duration // for a canary to arrive [2 s]
}

// Listener turns notifications into signals. A signal is only a hint: whoever
// waits for one must poll as well, because notifications are lost while the
// connection is down.
type Listener struct {
	url       *pgx.ConnConfig
	log       *slog.Logger
	signals   map[string]chan struct{}
	connected atomic.Bool
	gauge     prometheus.Gauge
	canary    *canary // nil for none
	link      link
}

// NewListener reads the options; it connects in Run.
func NewListener(o ListenerOptions) (*Listener, error) {
	c, err := connConfig(o.URL)
	if err != nil {
		return nil, err
	}
	c.ConnectTimeout = 3 * time.Second
	c.RuntimeParams["application_name"] = "sespan listener"
	// A peer that is gone without closing is noticed within a minute.
	c.DialFunc = (&net.Dialer{Timeout: c.ConnectTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}).DialContext
	l := &Listener{
		url: c, log: o.Logger.With("component", "listener"), signals: map[string]chan struct{}{},
		gauge: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sespan_listener_connected", Help: "1 while notifications arrive; 0 means polling only.",
		}),
	}
	for _, name := range o.Channels {
		l.signals[name] = make(chan struct{}, 1)
	}
	o.Metrics.MustRegister(l.gauge)
	if o.Pool != nil {
		l.canary = newCanary(l, o)
	}
	return l, nil
}

// Signal is filled when the channel was notified, and after each new connection,
// because something may have been missed. Unknown channels give nil.
func (l *Listener) Signal(channel string) <-chan struct{} { return l.signals[channel] }

// Connected says whether notifications arrive now.
func (l *Listener) Connected() bool { return l.connected.Load() }

// Run listens, reconnecting every 1.5 s while the server is away, until ctx ends.
func (l *Listener) Run(ctx context.Context) {
	p := pgxlisten.Listener{ReconnectDelay: reconnectDelay, Connect: l.connect, LogError: l.logError}
	for name, signal := range l.signals {
		p.Handle(name, signalHandler{l, signal})
	}
	if l.canary != nil {
		p.Handle(l.canary.channel, l.canary)
		var canaries sync.WaitGroup
		defer canaries.Wait()
		canaries.Go(func() { l.canary.run(ctx) })
	}
	if err := p.Listen(ctx); err != nil && !errors.Is(err, context.Canceled) {
		l.log.ErrorContext(ctx, "listener: ended", "err", err)
	}
	l.set(false)
}

func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	if err := pause(ctx, l.link.wait()); err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, l.url.Copy())
}

// canaryArrived is told that notifications arrive.
func (l *Listener) canaryArrived(ctx context.Context) {
	if l.set(true) {
		l.log.InfoContext(ctx, "listener: notifications arrive")
		l.signalAll() // whoever waits may wait longer from now on
	}
}

// canaryLost is told that they do not, though the connection stands.
func (l *Listener) canaryLost(ctx context.Context, timeout time.Duration) {
	level := slog.LevelDebug // one warning is enough
	if l.set(false) || l.link.failures() == 1 {
		level = slog.LevelWarn
		l.signalAll()
	}
	l.log.Log(ctx, level, "listener: a notification did not arrive: the connection is dead, or goes through a pooler that swallows LISTEN "+
		"(SESPAN_DATABASE_DIRECT_URL names the server itself); polling, and reconnecting", "timeout", timeout)
}

func (l *Listener) signalAll() {
	for _, signal := range l.signals {
		signalOnce(signal)
	}
}

// set tells whether that is a change.
func (l *Listener) set(up bool) bool {
	l.gauge.Set(0)
	if up {
		l.gauge.Set(1)
	}
	return l.connected.Swap(up) != up
}

func (l *Listener) logError(ctx context.Context, err error) {
	l.link.markDown()
	level := slog.LevelDebug // it tries every 1.5 s, and one warning is enough
	if l.set(false) {
		level = slog.LevelWarn
	}
	if ctx.Err() == nil {
		l.log.Log(ctx, level, "listener: no connection, polling until it is back", "err", err)
	}
}

// signalHandler runs on the listening goroutine, so it only leaves a signal.
type signalHandler struct {
	listener *Listener
	signal   chan<- struct{}
}

// HandleNotification implements pgxlisten.Handler.
func (h signalHandler) HandleNotification(context.Context, *pgconn.Notification, *pgx.Conn) error {
	signalOnce(h.signal)
	return nil
}

// HandleBacklog implements pgxlisten.BacklogHandler: it runs after each LISTEN.
func (h signalHandler) HandleBacklog(ctx context.Context, _ string, _ *pgx.Conn) error {
	if h.listener.canary == nil && h.listener.set(true) {
		h.listener.log.InfoContext(ctx, "listener: connected")
	}
	signalOnce(h.signal)
	return nil
}

func signalOnce(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default: // one is waiting already
	}
}
