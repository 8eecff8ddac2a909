package smtptest

import (
	"context"
	"net"
	"sync"
)

// listener accepts connections until it is closed, which closes them too and waits
// for their handlers.
type listener struct {
	net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// listen serves each connection in a goroutine of its own; n counts them from 1.
func listen(ctx context.Context, serve func(n int, c net.Conn)) (*listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	out := &listener{Listener: l, open: map[net.Conn]struct{}{}}
	out.wg.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if !out.add(c) {
				_ = c.Close() // the listener was closed meanwhile
				return
			}
			out.wg.Go(func() {
				defer out.remove(c)
				serve(n, c)
			})
		}
	})
	return out, nil
}

func (l *listener) add(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[c] = struct{}{}
	}
	return !l.closed
}

func (l *listener) remove(c net.Conn) {
	_ = c.Close() // the handler may have closed it
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *listener) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

func (l *listener) close() {
	_ = l.Close() // nothing is lost with it
	l.mu.Lock()
	l.closed = true
	for c := range l.open {
		_ = c.Close() // its handler sees the end
	}
	l.mu.Unlock()
	l.wg.Wait()
}
