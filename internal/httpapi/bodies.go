package httpapi

import (
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/problem"
)

// How many bytes of bodies may be under way at once, for all callers of a kind together
// and for one of them. A body counts as long as its call takes, with the length that was
// announced; whoever sends in chunks might send the most.
const (
	knownBodies    = 64 << 20
	strangerBodies = 8 << 20 // of who is told only by the signature of the whole body
	quotaBodies    = 4 * maxBodyBytes
	addressBodies  = 4 * maxEventBytes
)

// bodies bounds the memory that bodies take, so that a thousand half-sent ones cost no
// more than a few.
type bodies struct {
	mu     sync.Mutex
	taken  [2]int64 // by strangers, by who is known
	shares map[string]int64
}

// admit is a huma middleware: it refuses a body that is too large, or for which there
// is no room, before it is read.
func (b *bodies) admit(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	if r.ContentLength == 0 {
		next(ctx)
		return
	}
	most := bodyLimit(r.URL.Path)
	if r.ContentLength > most {
		respond(w, r, problem.Newf(problem.TooLarge, "The body may have %d bytes.", most))
		return
	}
	size := r.ContentLength
	if size < 0 {
		size = most
	}
	give, ok := b.take(requestContextOf(r.Context()), size)
	if !ok {
		w.Header().Set("Connection", "close")
		respond(w, r, problem.New(problem.Unavailable, "Too many bodies are on their way.").WithRetryAfter(time.Second))
		return
	}
	defer give()
	next(ctx)
}

// take takes room for a body; give gives it back.
func (b *bodies) take(c *requestContext, size int64) (give func(), ok bool) {
	kind, most, share, name := 0, int64(strangerBodies), int64(addressBodies), "address "+network(c.clientIP).String()
	if c.known {
		kind, most, share, name = 1, knownBodies, quotaBodies, c.quota
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken[kind]+size > most || name != "" && b.shares[name]+size > share {
		return nil, false
	}
	if b.shares == nil {
		b.shares = map[string]int64{}
	}
	b.taken[kind] += size
	b.shares[name] += size
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.taken[kind] -= size
		if b.shares[name] -= size; b.shares[name] <= 0 {
			delete(b.shares, name)
		}
	}, true
}
