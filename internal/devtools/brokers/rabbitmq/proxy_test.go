package rabbitmq_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is a way to the broker that can be cut: what is connected is closed, and what comes is too.
type proxy struct {
	address string
	to      string

	mu    sync.Mutex
	isCut bool
	conns map[net.Conn]struct{}
}

func newProxy(tb testing.TB, to string) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{address: l.Addr().String(), to: to, conns: map[net.Conn]struct{}{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.carry(conn) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		p.cut(true)
		all.Wait()
	})
	return p
}

// keep is false when the way is cut.
func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isCut {
		p.conns[conn] = struct{}{}
	}
	return !p.isCut
}

func (p *proxy) cut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = cut
	for conn := range p.conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}

func (p *proxy) carry(from net.Conn) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	if !p.keep(from) || !p.keep(to) {
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, from)
	_ = to.Close()
	<-back
}

// proxies are one for each site.
type proxies struct {
	tb   testing.TB
	to   string
	mu   sync.Mutex
	ways map[string]*proxy
}

func (p *proxies) of(prefix string) *proxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ways[prefix] == nil {
		p.ways[prefix] = newProxy(p.tb, p.to)
	}
	return p.ways[prefix]
}
