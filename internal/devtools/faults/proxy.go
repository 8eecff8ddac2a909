package main

import (
	"context"
	"io"
	"net"
	"sync"
)

// network is what a proxy does with the bytes that come by.
type network int

const (
	whole  network = iota
	silent         // a cut: they wait, in both directions, and nobody is told
	deaf           // what the far side answers is thrown away; the connections end with it
)

// proxy is a way to a broker's node that can be cut.
type proxy struct {
	address string
	to      string
	socket  net.Listener
	all     sync.WaitGroup

	mu      sync.Mutex
	network network
	changed chan struct{} // closed at the next change
	conns   map[net.Conn]struct{}
	closed  bool
}

func newProxy(ctx context.Context, to string) (*proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: l.Addr().String(), to: to, socket: l, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	p.all.Go(func() { //nolint:contextcheck // a connection ends with the proxy
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.carry(conn) })
		}
	})
	return p, nil
}

// set changes the network. Connections whose answers are missing are of no use afterwards.
func (p *proxy) set(n network) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.network == deaf {
		p.closeAll()
	}
	p.network = n
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *proxy) closeAll() {
	for conn := range p.conns {
		_ = conn.Close() // its copying ends
	}
}

func (p *proxy) close() {
	_ = p.socket.Close()
	p.mu.Lock()
	p.closed = true
	p.closeAll()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	p.all.Wait()
}

func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.conns[conn] = struct{}{}
	}
	return !p.closed
}

func (p *proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// carry connects the two sides until one of them ends.
func (p *proxy) carry(from net.Conn) {
	defer p.forget(from)
	if !p.keep(from) {
		return
	}
	p.await(false)
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.to)
	if err != nil {
		return
	}
	defer p.forget(to)
	if !p.keep(to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.copy(from, to, true)
		_ = from.Close()
	})
	p.copy(to, from, false)
	_ = to.Close()
	both.Wait()
}

func (p *proxy) copy(to io.Writer, from io.Reader, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && p.await(answers) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// await waits while the network is cut, and reports whether the bytes go on.
func (p *proxy) await(answers bool) bool {
	for {
		p.mu.Lock()
		now, changed, closed := p.network, p.changed, p.closed
		p.mu.Unlock()
		switch {
		case closed:
			return false
		case now == whole:
			return true
		case now == deaf:
			return !answers
		}
		<-changed
	}
}
