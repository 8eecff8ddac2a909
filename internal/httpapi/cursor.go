package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"sespan/internal/problem"
)

// cursor is where a list goes on: behind the row with this time and id. Callers get it
// as an opaque text that is bound to the list and its filters, so that one of another
// query is refused instead of skipping rows.
type cursor struct {
	At time.Time // microseconds, as the database keeps them
	ID string    // at most maxCursorID bytes
}

const (
	cursorSum   = 12 // bytes of the hash that binds it
	cursorTime  = 8
	maxCursorID = 64
	// maxCursor is the longest text of a cursor.
	maxCursor = (cursorSum + cursorTime + maxCursorID + 2) / 3 * 4
)

// encode gives the text; list names the list and all of its filters.
func (c cursor) encode(list string) string {
	position := binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))
	position = append(position, c.ID...)
	return base64.RawURLEncoding.EncodeToString(append(cursorHash(list, position), position...))
}

// decodeCursor gives the cursor of a text that encode made for the same list.
func decodeCursor(text, list string) (cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < cursorSum+cursorTime || len(raw) > cursorSum+cursorTime+maxCursorID {
		return cursor{}, errCursor()
	}
	position := raw[cursorSum:]
	if string(cursorHash(list, position)) != string(raw[:cursorSum]) {
		return cursor{}, errCursor()
	}
	micros := int64(binary.BigEndian.Uint64(position)) //nolint:gosec // a pattern of bits
	return cursor{At: time.UnixMicro(micros).UTC(), ID: string(position[cursorTime:])}, nil
}

func cursorHash(list string, position []byte) []byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64([]byte("sespan-cursor-1"), uint64(len(list))))
	h.Write([]byte(list))
	h.Write(position)
	return h.Sum(nil)[:cursorSum]
}

func errCursor() error {
	return problem.New(problem.Invalid, "The cursor is not one of this list with these filters; begin again without it.").AtField("query.cursor")
}
