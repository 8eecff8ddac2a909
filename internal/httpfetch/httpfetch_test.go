package httpfetch

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRemoteKeys(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) })
	mux.Handle("/moved", http.RedirectHandler("/good", http.StatusFound))
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), maxSize+1)) })
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { <-hang })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })

	fetch := func(address string, wait time.Duration) ([]byte, error) {
		k := &remoteKeys{address, WithTransport(server.Client().Transport)}
		if wait > 0 {
			k.client.http.Timeout = wait
		}
		return k.Fetch(t.Context())
	}
	document, err := fetch(server.URL+"/good", 0)
	require.NoError(t, err)
	assert.JSONEq(t, `{"keys":[]}`, string(document))
	for path, says := range map[string]string{"/moved": "302", "/long": "bytes", "/none": "404"} {
		_, err = fetch(server.URL+path, 0)
		require.ErrorContains(t, err, says, path)
	}
	_, err = fetch(server.URL+"/hang", 50*time.Millisecond)
	require.Error(t, err)
	for _, address := range []string{"http://shop.example/jwks", "file:///etc/passwd", "https://", "ftp://x/y", strings.Replace(server.URL, "https", "http", 1) + "/good"} {
		_, err = fetch(address, 0)
		require.ErrorContains(t, err, "https", address)
	}
	_, err = WithTransport(http.DefaultTransport).Fetch(t.Context(), server.URL+"/good")
	require.Error(t, err, "a certificate that nobody vouches for")
}

func TestOpenTokens(t *testing.T) {
	t.Parallel()
	open := func(jwks string) error {
		_, err := OpenTokens(t.Context(), jwks, time.Now, slog.New(slog.DiscardHandler))
		return err
	}
	require.NoError(t, open(""))
	require.NoError(t, open("https://127.0.0.1:1/jwks"), "the site may start later")
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.ErrorContains(t, open(file), "SESPAN_JWKS cannot be used")
	require.NoError(t, os.WriteFile(file, []byte("hello"), 0o600))
	require.ErrorContains(t, open(file), "not a JWKS document")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte(" "), maxSize+1), 0o600))
	require.ErrorContains(t, open(file), "bytes")
	require.ErrorContains(t, open(t.TempDir()), "no file")
	good, token := signed(t)
	require.NoError(t, open(good))

	tokens, err := OpenTokens(t.Context(), "", time.Now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = tokens.Verify(t.Context(), token)
	require.Error(t, err)
	tokens, err = OpenTokens(t.Context(), good, time.Now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = tokens.Verify(t.Context(), token)
	require.NoError(t, err)
}

// signed gives the file of a site's public key and a token that it vouches for.
func signed(t *testing.T) (jwks, token string) {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	jwks = filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(jwks, []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"x","x":"`+b64(public)+`"}]}`), 0o600))
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"aud":"sespan","iat":%d,"exp":%d,"sub":"1","order_ref":"a","amount":"1"}`, now, now+300)
	input := b64([]byte(`{"alg":"EdDSA","kid":"x"}`)) + "." + b64([]byte(claims))
	return jwks, input + "." + b64(ed25519.Sign(private, []byte(input)))
}
