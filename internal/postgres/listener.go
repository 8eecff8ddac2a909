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

const listenAgain = 1500 * time.Millisecond

// ListenerOptions of a Listener. Logger and Metrics are required; zero values mean
// the defaults in brackets.
type ListenerOptions struct {
	URL      string // goes straight to the server: a transaction pooler swallows LISTEN
	Channels []string
	Logger   *slog.Logger
	Metrics  prometheus.Registerer

	Pool     *Pool         // through which a canary is sent; nil: none, a connection that stands is believed to hear
	Canary   time.Duration // between two canaries [3 s]
	Patience time.Duration // for a canary to arrive [2 s]
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
	c, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, hideDSN(err)
	}
	c.ConnectTimeout = 3 * time.Second
	c.RuntimeParams["application_name"] = "sespan listener"
	// A peer that is gone without a word is noticed within a minute.
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

// Run listens, connecting anew every 1.5 s while the server is away, until ctx ends.
func (l *Listener) Run(ctx context.Context) {
	p := pgxlisten.Listener{ReconnectDelay: listenAgain, Connect: l.connect, LogError: l.logError}
	for name, signal := range l.signals {
		p.Handle(name, bell{l, signal})
	}
	if l.canary != nil {
		p.Handle(l.canary.channel, l.canary)
		var singing sync.WaitGroup
		defer singing.Wait()
		singing.Go(func() { l.canary.run(ctx) })
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

// hears is told that notifications arrive.
func (l *Listener) hears(ctx context.Context) {
	if l.set(true) {
		l.log.InfoContext(ctx, "listener: notifications arrive")
		l.ringAll() // whoever waits shall look how long it may wait now
	}
}

// deaf is told that they do not, though the connection stands.
func (l *Listener) deaf(ctx context.Context, patience time.Duration) {
	level := slog.LevelDebug // once is enough to know
	if l.set(false) || l.link.failures() == 1 {
		level = slog.LevelWarn
		l.ringAll()
	}
	l.log.Log(ctx, level, "listener: a notification did not arrive: the connection is dead, or goes through a pooler that swallows LISTEN "+
		"(SESPAN_DATABASE_DIRECT_URL names the server itself); polling, and connecting anew", "patience", patience)
}

func (l *Listener) ringAll() {
	for _, signal := range l.signals {
		ring(signal)
	}
}

// set answers whether that is news.
func (l *Listener) set(up bool) bool {
	l.gauge.Set(0)
	if up {
		l.gauge.Set(1)
	}
	return l.connected.Swap(up) != up
}

func (l *Listener) logError(ctx context.Context, err error) {
	l.link.lost()
	level := slog.LevelDebug // it tries every 1.5 s, and once is enough to know
	if l.set(false) {
		level = slog.LevelWarn
	}
	if ctx.Err() == nil {
		l.log.Log(ctx, level, "listener: no connection, polling until it is back", "err", err)
	}
}

// bell runs on the listening goroutine, so it only leaves a signal.
type bell struct {
	listener *Listener
	signal   chan<- struct{}
}

// HandleNotification implements pgxlisten.Handler.
func (b bell) HandleNotification(context.Context, *pgconn.Notification, *pgx.Conn) error {
	ring(b.signal)
	return nil
}

// HandleBacklog implements pgxlisten.BacklogHandler: it runs after each LISTEN.
func (b bell) HandleBacklog(ctx context.Context, _ string, _ *pgx.Conn) error {
	if b.listener.canary == nil && b.listener.set(true) {
		b.listener.log.InfoContext(ctx, "listener: connected")
	}
	ring(b.signal)
	return nil
}

func ring(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default: // one is waiting already
	}
}
