package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/mailevent"
)

// halfSent begins a request whose body never comes and gives the answer.
func (s *site) halfSent(path string, length int, lines ...string) (*http.Response, net.Conn) {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, length)
	_, err = io.WriteString(conn, head+strings.Join(append(lines, "", ""), "\r\n")+"{")
	require.NoError(s.t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(s.t, err)
	return res, conn
}

// Who may not call, or calls something that is switched off, is refused while the body
// is still on its way; a body that is too large is not waited for either.
func TestABodyIsReadOnlyWhenItIsWanted(t *testing.T) {
	t.Parallel()
	s, keys := eventSite(t)
	off := newSite(t, func(d *Deps) {
		d.MailEvents = mailevent.New(mailevent.Options{Clock: time.Now, Registerer: d.Registerer})
	}, nil)
	signed := mailevent.SignatureHeader + ": " + keys.Sign("relay-1", time.Now(), nil)
	for name, c := range map[string]struct {
		site   *site
		path   string
		length int
		line   string
		status int
	}{
		"no key":                    {s, "/v1/logins", 60_000, "X-A: b", 401},
		"an invented key":           {s, "/v1/logins", 60_000, "Authorization: Bearer sk_abcdefabcdef_" + strings.Repeat("A", 43), 401},
		"an unknown path":           {s, "/v1/none", 490_000, "X-A: b", 404},
		"no signature":              {s, mailEventsPath, 490_000, "X-A: b", 401},
		"a long signature":          {s, mailEventsPath, 490_000, mailevent.SignatureHeader + ": " + strings.Repeat("a", 501), 401},
		"an old signature":          {s, mailEventsPath, 490_000, mailevent.SignatureHeader + ": " + keys.Sign("relay-1", time.Now().Add(-time.Hour), nil), 401},
		"no message of Amazon":      {s, mailEventsPath, 490_000, mailevent.SNSHeader + ": Nonsense", 401},
		"too large":                 {s, mailEventsPath, maxEventBytes + 1, signed, 413},
		"switched off":              {off, mailEventsPath, 490_000, signed, 404},
		"Amazon is switched off":    {off, mailEventsPath, 490_000, mailevent.SNSHeader + ": Notification", 404},
		"a body that is waited for": {s, mailEventsPath, 490_000, signed, 408},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			res, _ := c.site.halfSent(c.path, c.length, c.line)
			assert.Equal(t, c.status, res.StatusCode)
			if c.status != 408 {
				assert.Less(t, time.Since(began), bodyReadTimeout, "it waited for the body")
			}
		})
	}
}

// Half-sent bodies of one address, and of all strangers together, take a bounded part
// of the memory: further ones are sent away at once.
func TestBodiesOnTheirWayAreBounded(t *testing.T) {
	t.Parallel()
	b := &bodies{}
	var give []func()
	take := func(c *requestContext, size int64) bool {
		f, ok := b.take(c, size)
		if ok {
			give = append(give, f)
		}
		return ok
	}
	at := func(n byte) *requestContext { return &requestContext{clientIP: netip.AddrFrom4([4]byte{192, 0, 2, n})} }
	held := 0
	for n := range byte(100) {
		for range 100 {
			if take(at(n), maxEventBytes) {
				held++
			}
		}
	}
	assert.Equal(t, strangerBodies/maxEventBytes, held)
	customer, key := &requestContext{known: true, quota: "customer 1"}, &requestContext{known: true}
	for range quotaBodies / maxBodyBytes {
		assert.True(t, take(customer, maxBodyBytes), "strangers take nothing from who is known")
	}
	assert.False(t, take(customer, 1), "a customer has a share")
	for range knownBodies/maxBodyBytes - quotaBodies/maxBodyBytes {
		assert.True(t, take(key, maxBodyBytes))
	}
	assert.False(t, take(key, maxBodyBytes))
	for _, f := range give {
		f()
	}
	assert.True(t, take(at(1), maxEventBytes))
	assert.Len(t, b.shares, 1, "nothing is kept of those that are over")
}
