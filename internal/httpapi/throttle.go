package httpapi

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/problem"
)

const (
	unauthenticatedWindow    = 10 * time.Second
	unauthenticatedCalls     = 500  // per address and window
	unauthenticatedAddresses = 4096 // most of them; beyond, all counts start anew
)

// throttle bounds the calls of one address that bring no valid key, token or signature:
// nobody who may do anything here sends such calls in numbers. Each of them counts,
// whatever it brought instead. Callers who are known are never throttled because of
// others behind the same address, so a credential is looked at before the call is refused.
type throttle struct {
	clock  func() time.Time
	window window
}

// counted lets the requests know the throttle, and counts the calls of strangers.
func (t *throttle) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := requestContextOf(r.Context())
		c.throttle = t
		address := c.clientIP // a service key may name another
		next.ServeHTTP(w, r)
		if !c.known {
			t.window.count(address, t.clock())
		}
	})
}

// mustWait is how long the caller must wait if it is a stranger; 0 for not at all.
func (c *requestContext) mustWait() time.Duration {
	if c.throttle == nil {
		return 0
	}
	return c.throttle.window.wait(c.clientIP, c.throttle.clock())
}

func tooMany(wait time.Duration) error {
	return problem.New(problem.TooManyRequests, "Too many calls without a valid key came from this address.").WithRetryAfter(wait)
}

// refuseFlood is a huma middleware: it refuses a stranger that must wait before anything
// of the call is looked at. Who brings a credential is looked at first.
func refuseFlood(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	open, _ := ctx.Operation().Metadata[metaPublic].(bool)
	if open || len(r.Header.Values("Authorization")) == 0 {
		if wait := requestContextOf(r.Context()).mustWait(); wait > 0 {
			respond(w, r, tooMany(wait))
			return
		}
	}
	next(ctx)
}

// refuseFloodElsewhere does so for what is no call of the API.
func refuseFloodElsewhere(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := requestContextOf(r.Context()).mustWait(); wait > 0 {
			respond(w, r, tooMany(wait))
			return
		}
		next(w, r)
	})
}

// window counts calls per address in a fixed window of time.
type window struct {
	mu    sync.Mutex
	since time.Time
	calls map[netip.Addr]int
}

// network is what counts as one caller: a network of IPv6 gives a household 2^64 addresses.
func network(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

// count counts a call.
func (w *window) count(ip netip.Addr, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over(now) || len(w.calls) >= unauthenticatedAddresses {
		w.since = now
		w.calls = map[netip.Addr]int{}
	}
	w.calls[network(ip)]++
}

// wait gives how long the address must wait, 0 for not at all.
func (w *window) wait(ip netip.Addr, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over(now) || w.calls[network(ip)] < unauthenticatedCalls {
		return 0
	}
	return w.since.Add(unauthenticatedWindow).Sub(now)
}

// over tells whether the window has ended, or was never begun.
func (w *window) over(now time.Time) bool {
	age := now.Sub(w.since)
	return age < 0 || age >= unauthenticatedWindow
}
