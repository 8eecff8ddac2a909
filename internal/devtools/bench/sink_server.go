package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// sinkOptions say how the sink behaves; zero is a near and quick one.
type sinkOptions struct {
	ChunkingOff bool          // does not offer CHUNKING
	Away        time.Duration // a round trip to it
	Slow        time.Duration // for each mail
	Log         bool          // tells each mail's recipient and time instead of counting
}

func (o sinkOptions) String() string {
	if o.ChunkingOff {
		return " without CHUNKING"
	}
	return ""
}

// runSink is the process itself: it prints its address, then for every number on
// its input "counting" and, that many mails later, the time in nanoseconds.
func runSink(ctx context.Context, in io.Reader, out io.Writer) error {
	var o sinkOptions
	if err := json.Unmarshal([]byte(os.Getenv(sinkEnv)), &o); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c := &counter{out: out, sinkOptions: o}
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &taker{counter: c}, nil }))
	server.Domain = "sink.example"
	go server.Serve(wayTo{l, o}) //nolint:errcheck // ends with Close
	defer server.Close()         //nolint:errcheck // the process ends
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int64
		if _, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &n); err != nil {
			return err
		}
		c.left.Store(n)
		if _, err := fmt.Fprintln(out, "counting"); err != nil {
			return err
		}
	}
	return nil
}

// counter throws mails away and counts them.
type counter struct {
	sinkOptions
	left atomic.Int64
	out  io.Writer
}

// taker is the session of one connection.
type taker struct {
	*counter
	to string
}

func (*taker) Mail(string, *gosmtp.MailOptions) error        { return nil }
func (t *taker) Rcpt(to string, _ *gosmtp.RcptOptions) error { t.to = to; return nil }
func (*taker) Reset()                                        {}
func (*taker) Logout() error                                 { return nil }

func (t *taker) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if t.Slow > 0 {
		time.Sleep(t.Slow)
	}
	switch {
	case t.Log:
		_, err := fmt.Fprintln(t.out, t.to, time.Now().UnixNano())
		return err
	case t.left.Add(-1) == 0:
		_, err := fmt.Fprintln(t.out, time.Now().UnixNano())
		return err
	}
	return nil
}

// wayTo is a listener whose connections are far away, or do not say CHUNKING.
type wayTo struct {
	net.Listener
	sinkOptions
}

func (w wayTo) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if w.ChunkingOff {
		c = withoutChunking{c}
	}
	if w.Away > 0 {
		c = newFar(c, w.Away)
	}
	return c, nil
}

type withoutChunking struct{ net.Conn }

func (c withoutChunking) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(bytes.ReplaceAll(p, []byte("250-CHUNKING\r\n"), nil))
	return len(p), err
}

// far is a connection whose answers travel for the whole round trip; any number
// of them is under way at once.
type far struct {
	net.Conn
	away    time.Duration
	packets chan packet
	closed  chan struct{}
	once    sync.Once
}

type packet struct {
	at    time.Time
	bytes []byte
}

func newFar(c net.Conn, away time.Duration) *far {
	f := &far{Conn: c, away: away, packets: make(chan packet, 1024), closed: make(chan struct{})}
	go f.travel()
	return f
}

// travel ends when the connection is closed and the last words are out.
func (f *far) travel() {
	defer f.Conn.Close() //nolint:errcheck // nobody is left to tell
	for {
		select {
		case p := <-f.packets:
			time.Sleep(time.Until(p.at))
			if _, err := f.Conn.Write(p.bytes); err != nil {
				return
			}
		case <-f.closed:
			if len(f.packets) == 0 {
				return
			}
		}
	}
}

func (f *far) Write(p []byte) (int, error) {
	select {
	case f.packets <- packet{time.Now().Add(f.away), bytes.Clone(p)}:
		return len(p), nil
	case <-f.closed:
		return 0, net.ErrClosed
	}
}

func (f *far) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}
