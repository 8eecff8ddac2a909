package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"sespan/internal/problem"
	"sespan/internal/secret"
)

// cursor is where a list goes on: behind the row with this time and id.
type cursor struct {
	At time.Time // microseconds, as the database keeps them
	ID string    // at most maxCursorID bytes
}

const (
	cursorTime  = 8
	maxCursorID = 64
	// maxCursor is the longest text of a cursor: what secret.Ring.Seal adds, time and id.
	maxCursor = (1 + 16 + 12 + 16 + cursorTime + maxCursorID + 2) / 3 * 4
)

// cursors makes opaque texts of cursors. Each is sealed for its list and filters, so that
// one of another query, or one that was not made here, is refused instead of skipping rows.
type cursors struct{ ring *secret.Ring }

// encode gives the text; list names the list and all of its filters.
func (s cursors) encode(c cursor, list string) string {
	position := binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(s.ring.Seal(secret.LabelCursor, list, append(position, c.ID...)))
}

// decode gives the cursor of a text that encode made for the same list.
func (s cursors) decode(text, list string) (cursor, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return cursor{}, errCursor()
	}
	position, err := s.ring.Open(secret.LabelCursor, list, sealed)
	if err != nil || len(position) < cursorTime {
		return cursor{}, errCursor()
	}
	micros := int64(binary.BigEndian.Uint64(position)) //nolint:gosec // a pattern of bits
	return cursor{At: time.UnixMicro(micros).UTC(), ID: string(position[cursorTime:])}, nil
}

func errCursor() error {
	return problem.New(problem.Invalid, "The cursor is not one of this list with these filters; begin again without it.").AtField("query.cursor")
}
