package httpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sespan/internal/problem"
)

const (
	unauthenticatedWindow    = 10 * time.Second
	unauthenticatedCalls     = 500  // per address and window
	unauthenticatedAddresses = 4096 // most of them; beyond, all counts start anew
)

// throttle bounds the calls of one address that carry no Authorization header at
// all: nobody who may do anything here sends such calls in numbers. Callers with a
// key or a token are never throttled because of others behind the same address.
func throttle(clock func() time.Time, next http.Handler) http.Handler {
	w := &window{calls: map[netip.Addr]int{}}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if len(r.Header.Values("Authorization")) == 0 {
			if wait := w.count(requestContextOf(r.Context()).clientIP, clock()); wait > 0 {
				writeProblem(rw, r, problem.New(problem.TooManyRequests, "Too many calls without a key came from this address.").WithRetryAfter(wait))
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

// count counts a call and gives how long its address must wait, 0 for not at all.
func (w *window) count(ip netip.Addr, now time.Time) time.Duration {
	if ip.Is6() { // a network gives a household 2^64 addresses
		if p, err := ip.Prefix(64); err == nil {
			ip = p.Addr()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if age := now.Sub(w.since); age < 0 || age >= unauthenticatedWindow || len(w.calls) >= unauthenticatedAddresses {
		w.since = now
		clear(w.calls)
	}
	w.calls[ip]++
	if w.calls[ip] <= unauthenticatedCalls {
		return 0
	}
	return w.since.Add(unauthenticatedWindow).Sub(now)
}
