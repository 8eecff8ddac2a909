package testbed

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer hands connections on to services that say at /readyz that they are ready, as
// a proxy does; it tries the next one where nobody listens.
type balancer struct {
	address  string
	backends []*backend
	turn     atomic.Int64
	conns    sync.WaitGroup
}

type backend struct {
	*Service
	ready atomic.Bool
}

const lookEvery = 50 * time.Millisecond

func newBalancer(t *testing.T, services ...*Service) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, s := range services {
		one := &backend{Service: s}
		one.ready.Store(true)
		b.backends = append(b.backends, one)
		running.Go(func() { one.look(ctx) })
	}
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.conns.Go(func() { b.serve(ctx, c) })
		}
	})
	t.Cleanup(func() {
		cancel()
		l.Close()
		running.Wait()
		b.conns.Wait()
	})
	return b
}

// look asks again and again whether the service is ready.
func (b *backend) look(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Admin+"/readyz", nil)
		if err != nil {
			return
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
		}
		b.ready.Store(err == nil && res.StatusCode == http.StatusOK)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

var errNobody = errors.New("no service is ready")

func (b *balancer) dial() (net.Conn, error) {
	first := b.turn.Add(1)
	for i := range b.backends {
		one := b.backends[(int(first)+i)%len(b.backends)]
		if !one.ready.Load() {
			continue
		}
		if c, err := net.Dial("tcp", one.Addr); err == nil {
			return c, nil
		}
	}
	return nil, errNobody
}

// serve copies both ways until one side ends.
func (b *balancer) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	service, err := b.dial()
	if err != nil {
		return
	}
	defer service.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); service.Close() })
	defer stop()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, service}, {service, client}} {
		both.Go(func() {
			io.Copy(pair[0], pair[1])
			pair[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}
