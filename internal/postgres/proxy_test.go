package postgres_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy is a TCP proxy before the database. It counts round trips, and can stop to
// forward without closing anything.
type proxy struct {
	url string

	mu     sync.Mutex
	frozen chan struct{} // closed while traffic flows
	target string

	asked atomic.Bool // the client spoke last
	trips atomic.Int64
}

func newProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{target: u.Host, frozen: make(chan struct{})}
	close(p.frozen)
	u.Host = listener.Addr().String()
	p.url = u.String()
	var wg sync.WaitGroup
	stopped := make(chan struct{})
	wg.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(c, stopped) })
		}
	})
	tb.Cleanup(func() { close(stopped); _ = listener.Close(); wg.Wait() })
	return p
}

// freeze holds everything back, or lets it flow again.
func (p *proxy) freeze(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if yes {
		p.frozen = make(chan struct{})
	} else {
		close(p.frozen)
	}
}

func (p *proxy) flows() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frozen
}

func (p *proxy) serve(client net.Conn, stopped <-chan struct{}) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	var wg sync.WaitGroup
	copyAll := func(to io.Writer, from io.Reader, fromClient bool) {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			if err != nil {
				break
			}
			if p.asked.Swap(fromClient) != fromClient && fromClient {
				p.trips.Add(1)
			}
			select {
			case <-p.flows():
			case <-stopped:
			}
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		_ = client.Close() // both ends
		_ = server.Close()
	}
	wg.Go(func() { copyAll(server, client, true) })
	wg.Go(func() { copyAll(client, server, false) })
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-stopped:
		_ = client.Close() // the test is over
		_ = server.Close()
		<-done
	}
}
