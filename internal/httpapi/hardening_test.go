package httpapi

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// A body that trickles in is cut off by the read deadline of the operation, whoever
// sends it, and leaves its row.
func TestABodyThatTricklesIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/logins HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\nAuthorization: Bearer "+
		s.key(access.RoleService)+"\r\n\r\n{\"username\":")
	require.NoError(t, err)
	begun := time.Now()
	raw, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Less(t, time.Since(begun), bodyReadTimeout+20*time.Second)
	assert.True(t, strings.HasPrefix(string(raw), "HTTP/1.1 408 "), string(raw))
	_, id, _ := strings.Cut(string(raw), "X-Response-Id: ")
	id, _, _ = strings.Cut(id, "\r\n")
	assert.Equal(t, http.StatusRequestTimeout, s.row(answer{header: http.Header{"X-Response-Id": {id}}}).Status)
}
