package httpapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

// A media type is what it means, not how it is spelled.
func TestMediaTypesByTheirMeaning(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]bool{
		"application/json": true, "Application/Json": true, "APPLICATION/JSON; CHARSET=UTF-8": true, "application/json;charset=\"utf-8\"": true,
		" application/json ;  charset=utf8": true, "application/json;": true, "application/json; profile=x": true, "application/merge-patch+json": true,
		"application/json; charset": true, "application/json; charset=us-ascii": true,
		"application/json; charset=latin1": false, "text/json": false, "text/plain": false, "application/x-www-form-urlencoded": false, "json": false,
		"application/jsonp": false, "+json": false, "text/x+json": false, ";": false, "application/": false,
	} {
		assert.Equal(t, want, meansJSON(media), media)
	}
	s := newSite(t, nil, nil)
	key := s.key(access.RoleService)
	for media, status := range map[string]int{"Application/Json": 201, "application/json; charset=latin1": 415, "text/plain": 415} {
		got := s.call(http.MethodPost, "/v1/logins", `{"username":"sari","outcome":"success"}`, "Authorization", "Bearer "+key, "Content-Type", media)
		assert.Equal(t, status, got.status, media+got.body)
	}
}

// A coded body is told what is taken, not that it is no text.
func TestCodedBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	key := s.key(access.RoleService)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, `{"username":"sari","outcome":"success"}`)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for coding, status := range map[string]int{"gzip": 415, "GZIP": 415, "identity, br": 415, "identity": 400, "": 400} {
		got := s.call(http.MethodPost, "/v1/logins", packed.String(), "Authorization", "Bearer "+key, "Content-Encoding", coding)
		assert.Equal(t, status, got.status, coding)
		assert.Equal(t, status == 415, got.header.Get("Accept-Encoding") == "identity", coding)
	}
	got := s.call(http.MethodGet, "/v1/tiers", "", "Authorization", "Bearer "+s.key(access.RoleAdmin), "Content-Encoding", "gzip")
	assert.NotEqual(t, http.StatusUnsupportedMediaType, got.status, "there is no body to be coded")
}

// HEAD has the answer of GET without its body, also of a refusal; 405 lists it.
func TestHead(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	for path, status := range map[string]int{"/openapi.json": 200, "/v1/tiers": 401, "/v1/none": 404, "/v1/logins": 405} {
		get, head := s.call(http.MethodGet, path, ""), s.call(http.MethodHead, path, "")
		assert.Equal(t, status, head.status, path)
		assert.Equal(t, get.header.Get("Content-Type"), head.header.Get("Content-Type"), path)
		assert.Empty(t, head.body, path)
	}
	assert.Contains(t, s.call(http.MethodDelete, "/v1/tiers", "").header.Get("Allow"), "GET, HEAD")
}

// Of a request with both ends nothing that follows is believed: the connection closes.
func TestChunksEndTheConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	body := `{"username":"sari","outcome":"success"}`
	_, err = fmt.Fprintf(conn, "POST /v1/logins HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", s.key(access.RoleService), len(body), body)
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, http.StatusCreated, res.StatusCode)
	assert.True(t, res.Close)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Empty(t, rest, "the second request is not answered")
}
