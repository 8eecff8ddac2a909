package httpapi

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
)

// streamStall is how long a stream may wait for its reader, or for its next rows.
const streamStall = 60 * time.Second

// stream is an answer that goes out while it is made.
type stream struct {
	w     http.ResponseWriter
	conn  *http.ResponseController
	stall time.Duration
}

// beginStream commits the row of the API log, with the header and without a body, and
// sends the header. The request's limit of time no longer holds; instead the reader has
// to take each piece within the stall.
func beginStream(ctx huma.Context, stall time.Duration) *stream {
	r, w := humamux.Unwrap(ctx)
	s := &stream{w, http.NewResponseController(w), stall}
	s.progress()
	s.conn.SetReadDeadline(time.Time{}) //nolint:errcheck // a writer of a test has none; the request was read
	rec := recorderOf(r.Context())
	rec.req.streamed = rec.clock()
	if rec.req.endLimit != nil {
		rec.req.endLimit()
	}
	if rec.stream != nil {
		rec.stream()
	}
	return s
}

// Write sends a piece.
func (s *stream) Write(p []byte) (int, error) {
	s.progress()
	return s.w.Write(p)
}

func (s *stream) progress() {
	s.conn.SetWriteDeadline(time.Now().Add(s.stall)) //nolint:errcheck // a writer of a test has none
}

// abort cuts the connection, so that the reader sees that the answer is not whole.
func (s *stream) abort() {
	s.conn.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // a writer of a test has none
}
