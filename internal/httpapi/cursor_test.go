package httpapi

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/secret"
)

func TestCursorBelongsToItsList(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
	s, other := newCursors(t, "1"), newCursors(t, "1")
	text := s.encode(cursor{At: at, ID: "9223372036854775807"}, "rows?tier_id=1")
	assert.LessOrEqual(t, len(text), maxCursor)
	c, err := s.decode(text, "rows?tier_id=1")
	require.NoError(t, err)
	assert.Equal(t, cursor{At: at, ID: "9223372036854775807"}, c)
	for _, wrong := range []string{"", "x", text + "A", text[:20], "B" + text[1:], strings.ToUpper(text), text + "=", strings.Repeat("A", 400)} {
		_, err := s.decode(wrong, "rows?tier_id=1")
		assert.Error(t, err, wrong)
	}
	_, err = s.decode(text, "rows?tier_id=2")
	require.Error(t, err)
	_, err = s.decode(other.encode(cursor{At: at, ID: "1"}, "rows?tier_id=1"), "rows?tier_id=1")
	require.Error(t, err, "who has not the key cannot make one")
	assert.Len(t, newCursors(t, strings.Repeat("k", 16)).encode(cursor{ID: strings.Repeat("x", maxCursorID)}, "rows"), maxCursor)
}

func newCursors(t *testing.T, id string) cursors {
	t.Helper()
	ring, err := secret.Parse(secret.Generate(id))
	require.NoError(t, err)
	return cursors{ring}
}

func TestCSVCells(t *testing.T) {
	t.Parallel()
	var table csvTable
	table.header("id", "name")
	for _, name := range []string{"plain", `=1+1`, "+1", "-1", "@SUM(A1)", "\tx", "a,b", `say "hi"`, "line\r\nbreak", "", "＝1", "é"} {
		table.value("-1.50")
		table.text(name)
		table.end()
	}
	assert.Equal(t, strings.Join([]string{
		"id,name", "-1.50,plain", "-1.50,'=1+1", "-1.50,'+1", "-1.50,'-1", "-1.50,'@SUM(A1)", "-1.50,'\tx", `-1.50,"a,b"`, `-1.50,"say ""hi"""`,
		"-1.50,\"line\r\nbreak\"", "-1.50,", "-1.50,'＝1", "-1.50,é", "",
	}, "\r\n"), string(table.take()))
	assert.Empty(t, table.take())
}
