// Package devinbox is a mailbox for development: an SMTP server that accepts every
// mail and keeps the last ones in memory, a web page that shows them, and a JSON
// API for tests. Nothing is delivered and nothing is written to disk.
//
//	GET    /api/messages            newest first; ?to=, ?q=, ?wait=, ?since= (see api.go)
//	GET    /api/messages/{id}       one mail, parsed
//	DELETE /api/messages            delete all
//	DELETE /api/messages/{id}       delete one
package devinbox

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"time"
)

// Options of an inbox; the zero value is a good one. With port 0 the system
// chooses one, see SMTPAddr and HTTPAddr.
type Options struct {
	SMTPAddr string   // default 127.0.0.1:1025
	HTTPAddr string   // default 127.0.0.1:8025
	Hosts    []string // further host names under which the page may be called

	Keep            int   // mails kept at most; default 500
	MaxBytes        int64 // of all mails kept; default 64 MiB
	MaxMessageBytes int64 // of one mail; default 32 MiB

	Refuse *regexp.Regexp // recipients answered with 550 5.1.1
	Defer  *regexp.Regexp // recipients answered with 451 4.2.1
	Delay  time.Duration  // before each mail's final answer

	Logger *slog.Logger
	Now    func() time.Time
}

func (o Options) withDefaults() Options {
	orDefault(&o.SMTPAddr, "127.0.0.1:1025")
	orDefault(&o.HTTPAddr, "127.0.0.1:8025")
	orDefault(&o.Keep, 500)
	orDefault(&o.MaxBytes, 64<<20)
	orDefault(&o.MaxMessageBytes, 32<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// Inbox is a mailbox that listens. Run serves it; Close, instead of Run, releases
// the ports.
type Inbox struct {
	opts  Options
	store *store
	pages *template.Template
	smtp  net.Listener
	http  net.Listener
}

// New opens both ports, so that the addresses are known before Run.
func New(opts Options) (*Inbox, error) {
	opts = opts.withDefaults()
	pages, err := parseTemplates()
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	var listen net.ListenConfig
	smtp, err := listen.Listen(context.Background(), "tcp", opts.SMTPAddr)
	if err != nil {
		return nil, fmt.Errorf("inbox: SMTP: %w", err)
	}
	web, err := listen.Listen(context.Background(), "tcp", opts.HTTPAddr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("inbox: web page: %w", err), smtp.Close())
	}
	return &Inbox{opts: opts, store: newStore(opts.Keep, opts.MaxBytes, opts.Now), pages: pages, smtp: smtp, http: web}, nil
}

// SMTPAddr is the host:port that accepts mails.
func (i *Inbox) SMTPAddr() string { return i.smtp.Addr().String() }

// HTTPAddr is the host:port of the web page.
func (i *Inbox) HTTPAddr() string { return i.http.Addr().String() }

// URL is the web page's.
func (i *Inbox) URL() string { return "http://" + i.HTTPAddr() + "/" }

// Close releases the ports.
func (i *Inbox) Close() error { return errors.Join(i.smtp.Close(), i.http.Close()) }

// Run serves until ctx ends, which is no error.
func (i *Inbox) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mails := i.smtpServer()
	pages := &http.Server{
		Handler:           i.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // requests that wait for a mail end with Run
	}
	ended := make(chan error, 2)
	go func() { ended <- mails.Serve(i.smtp) }()
	go func() { ended <- pages.Serve(i.http) }()
	serving := 2
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended: // by itself
		serving--
	}
	cancel()
	shutdown, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer stop()
	_ = mails.Close()
	if pages.Shutdown(shutdown) != nil {
		_ = pages.Close()
	}
	_ = i.Close() // mails.Close does not close a listener that it has not begun to serve
	for ; serving > 0; serving-- {
		i.opts.Logger.DebugContext(ctx, "inbox: a server ended", "err", <-ended)
	}
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	return nil
}
