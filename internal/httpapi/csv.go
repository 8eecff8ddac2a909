package httpapi

import (
	"strings"
)

// csvMediaType is RFC 4180's.
const csvMediaType = "text/csv; charset=utf-8"

// csvTable collects rows of CSV (RFC 4180). A cell is text, which may be anybody's, or
// a value of ours: a number, a time, a word.
type csvTable struct {
	buf   []byte
	begun bool // the row has a cell
}

// header writes the row of the columns' names.
func (t *csvTable) header(names ...string) {
	for _, name := range names {
		t.value(name)
	}
	t.end()
}

// value adds a cell that needs no quotes.
func (t *csvTable) value(s string) {
	t.separate()
	t.buf = append(t.buf, s...)
}

// text adds a cell of any text. One that a spreadsheet would execute gets an apostrophe
// before it; a number never does, because that would make it a text.
func (t *csvTable) text(s string) {
	t.separate()
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") ||
		strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") {
		s = "'" + s
	}
	if !strings.ContainsAny(s, "\",\r\n") {
		t.buf = append(t.buf, s...)
		return
	}
	t.buf = append(t.buf, '"')
	t.buf = append(t.buf, strings.ReplaceAll(s, `"`, `""`)...)
	t.buf = append(t.buf, '"')
}

func (t *csvTable) separate() {
	if t.begun {
		t.buf = append(t.buf, ',')
	}
	t.begun = true
}

// end ends the row.
func (t *csvTable) end() {
	t.buf = append(t.buf, "\r\n"...)
	t.begun = false
}

// take gives what was collected and begins anew with the same memory: use it before
// the next cell.
func (t *csvTable) take() []byte {
	out := t.buf
	t.buf = t.buf[:0]
	return out
}
