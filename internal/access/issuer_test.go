package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/access"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// issuer signs tokens as the site would, and publishes its keys.
type issuer struct {
	t     *testing.T
	ed    ed25519.PrivateKey
	ec    *ecdsa.PrivateKey
	clock *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return &issuer{t: t, ed: ed, ec: ec, clock: &clock{now: start}}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (i *issuer) edJWK(kid string) map[string]any {
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": "EdDSA", "x": b64(i.ed.Public().(ed25519.PublicKey))}
}

func (i *issuer) ecJWK(kid string) map[string]any {
	public, err := i.ec.PublicKey.Bytes() // 0x04, x, y
	require.NoError(i.t, err)
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(public[1:33]), "y": b64(public[33:])}
}

func jwks(t *testing.T, keys ...map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	return raw
}

// source is a key source that counts its fetches.
type source struct {
	mu       sync.Mutex
	document []byte
	err      error
	fetches  int
}

func (s *source) Fetch(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	return s.document, s.err
}

func (s *source) set(document []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document, s.err = document, err
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func (i *issuer) tokens(src *source) *access.Tokens {
	return &access.Tokens{Clock: i.clock.Now, Keys: access.NewKeySet(src, access.KeySetOptions{
		Refresh: 10 * time.Minute, Retry: time.Minute, Clock: i.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})}
}

// claims of a good customer token; changes are merged in, nil removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": "shop", "aud": "sespan", "sub": "42", "iat": start.Unix(), "exp": start.Add(10 * time.Minute).Unix(),
		"order_ref": "2026-0001", "amount": "150000.00", "jti": "x",
	}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// staff are the claims of a good staff token with one that is changed.
func staff(name string, value any) map[string]any {
	c := claims(map[string]any{"order_ref": nil, "amount": nil, "scope": "staff", "name": "ratna", "roles": []string{"admin"}})
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// signed signs the parts with the Ed25519 key.
func (i *issuer) signed(header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(ed25519.Sign(i.ed, []byte(input)))
}

func (i *issuer) token(c map[string]any) string {
	raw, err := json.Marshal(c)
	require.NoError(i.t, err)
	return i.signed(`{"alg":"EdDSA","kid":"ed","typ":"JWT"}`, string(raw))
}

func (i *issuer) ecToken(c map[string]any) string {
	raw, err := json.Marshal(c)
	require.NoError(i.t, err)
	input := b64([]byte(`{"alg":"ES256","kid":"ec"}`)) + "." + b64(raw)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, i.ec, sum[:])
	require.NoError(i.t, err)
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}
