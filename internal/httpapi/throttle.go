package httpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sespan/internal/problem"
)

const (
	strangerWindow = 10 * time.Second
	strangerCalls  = 500  // per address and window
	strangersKnown = 4096 // addresses; beyond them all are forgiven at once
)

// throttle bounds the calls of one address that carry no Authorization header at
// all: nobody who may do anything here sends such calls in numbers. Callers with a
// key or a token are never held up by a neighbour behind the same address.
func throttle(clock func() time.Time, next http.Handler) http.Handler {
	w := &window{calls: map[netip.Addr]int{}}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if len(r.Header.Values("Authorization")) == 0 {
			if wait := w.count(callOf(r.Context()).clientIP, clock()); wait > 0 {
				writeProblem(rw, r, problem.New(problem.TooManyRequests, "Too many calls without a key came from this address.").After(wait))
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// window counts calls per address in a fixed window of time.
type window struct {
	mu    sync.Mutex
	since time.Time
	calls map[netip.Addr]int
}

// count notes a call and gives how long its address must wait, 0 for not at all.
func (w *window) count(ip netip.Addr, now time.Time) time.Duration {
	if ip.Is6() { // a network gives a household 2^64 addresses
		if p, err := ip.Prefix(64); err == nil {
			ip = p.Addr()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if age := now.Sub(w.since); age < 0 || age >= strangerWindow || len(w.calls) >= strangersKnown {
		w.since = now
		clear(w.calls)
	}
	w.calls[ip]++
	if w.calls[ip] <= strangerCalls {
		return 0
	}
	return w.since.Add(strangerWindow).Sub(now)
}
