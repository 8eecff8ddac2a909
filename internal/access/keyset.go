package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	maxKeys        = 16 // in one document; two are needed during a rotation
	maxKeyIDLength = 128
)

// ErrKeySource says that the key source gave no document.
var ErrKeySource = errors.New("the keys cannot be fetched")

// KeySource gives the site's public keys: a JWKS document (RFC 7517).
type KeySource interface {
	// Fetch gives the document, or nil when it has not changed since the last
	// Fetch. It bounds its own time and size.
	Fetch(ctx context.Context) ([]byte, error)
}

// KeySetOptions say how often the source is asked.
type KeySetOptions struct {
	// Refresh is the age after which the keys are fetched again while the old ones
	// still serve, so that a withdrawn key goes.
	Refresh time.Duration
	// Retry is the least time between two fetches, whatever unknown kid is asked for.
	Retry  time.Duration
	Clock  func() time.Time
	Logger *slog.Logger
}

// KeySet holds the public keys of SESPAN_JWKS. It is safe for concurrent use.
type KeySet struct {
	source KeySource
	o      KeySetOptions

	mu      sync.Mutex // of what follows
	keys    map[string]verifyKey
	asked   time.Time
	loading chan struct{} // closed when the fetch under way has ended; nil for none
}

// verifyKey is a key with the one algorithm that it may verify.
type verifyKey struct {
	public    any
	algorithm jwa.SignatureAlgorithm
}

// NewKeySet makes an empty key set; Load or the first token fills it.
func NewKeySet(source KeySource, o KeySetOptions) *KeySet {
	return &KeySet{source: source, o: o}
}

// Load fetches the keys now. It fails when they cannot be had (ErrKeySource) or
// used; the keys of an earlier load then go on serving.
func (s *KeySet) Load(ctx context.Context) error {
	document, err := s.source.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKeySource, err)
	}
	if document == nil {
		return nil
	}
	keys, err := parseKeys(document)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.keys, s.asked = keys, s.o.Clock()
	s.mu.Unlock()
	return nil
}

// Len is how many keys serve.
func (s *KeySet) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

// find gives the key of that kid. An unknown kid makes it ask the source, at most
// once per Retry, and wait for the answer: a new key works at once. Keys that have
// grown old are fetched beside the call, very old ones before it.
func (s *KeySet) find(ctx context.Context, kid string) (verifyKey, bool) {
	s.mu.Lock()
	key, ok := s.keys[kid]
	age := s.o.Clock().Sub(s.asked)
	if s.loading == nil && (!ok && age >= s.o.Retry || age >= s.o.Refresh) {
		s.loading = make(chan struct{})
		s.asked = s.o.Clock()
		go s.reload(context.WithoutCancel(ctx), s.loading)
	}
	loading := s.loading
	s.mu.Unlock()
	if loading == nil || ok && age < 2*s.o.Refresh {
		return key, ok
	}
	select {
	case <-loading:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok = s.keys[kid]
	return key, ok
}

func (s *KeySet) reload(ctx context.Context, done chan struct{}) {
	if err := s.Load(ctx); err != nil {
		s.o.Logger.WarnContext(ctx, "SESPAN_JWKS could not be read; the keys from before stay in use", "error", err)
	}
	s.mu.Lock()
	s.loading = nil
	s.mu.Unlock()
	close(done)
}

// parseKeys takes the Ed25519 and P-256 public keys of a document, and ignores keys
// of other kinds. A private or symmetric key is an error: whoever published it must
// replace it.
func parseKeys(document []byte) (map[string]verifyKey, error) {
	set, err := jwk.Parse(document)
	if err != nil {
		return nil, errors.New("it is not a JWKS document ({\"keys\": […]})")
	}
	if set.Len() > maxKeys {
		return nil, fmt.Errorf("it holds %d keys, more than %d", set.Len(), maxKeys)
	}
	keys := make(map[string]verifyKey, set.Len())
	for i := range set.Len() {
		key, _ := set.Key(i)
		if private, err := jwk.IsPrivateKey(key); err == nil && private || key.KeyType() == jwa.OctetSeq() {
			return nil, fmt.Errorf("its key %d is private or symmetric: publish only public keys, and replace this one, others may have seen it", i+1)
		}
		kid, ok := key.KeyID()
		if !ok || kid == "" || len(kid) > maxKeyIDLength {
			return nil, fmt.Errorf("its key %d has no kid of 1 to %d characters", i+1, maxKeyIDLength)
		}
		verify, ok := usable(key)
		if !ok {
			continue
		}
		if _, twice := keys[kid]; twice {
			return nil, fmt.Errorf("two keys share the kid of key %d", i+1)
		}
		keys[kid] = verify
	}
	if len(keys) == 0 && set.Len() > 0 { // {"keys": []} says that there is none
		return nil, errors.New("it holds no Ed25519 or P-256 signing key")
	}
	return keys, nil
}

// usable gives the key with its algorithm: that of its kind, which "alg" and
// "use", where present, must agree to.
func usable(key jwk.Key) (verifyKey, bool) {
	if use, ok := key.KeyUsage(); ok && use != "sig" {
		return verifyKey{}, false
	}
	v := verifyKey{}
	var raw any
	if jwk.Export(key, &raw) != nil {
		return v, false
	}
	switch public := raw.(type) {
	case ed25519.PublicKey:
		v = verifyKey{public, jwa.EdDSA()}
	case *ecdsa.PublicKey:
		if public.Curve.Params().BitSize != 256 || public.Curve.Params().Name != "P-256" {
			return v, false
		}
		v = verifyKey{public, jwa.ES256()}
	default:
		return v, false
	}
	if alg, ok := key.Algorithm(); ok && alg.String() != v.algorithm.String() {
		return verifyKey{}, false
	}
	return v, true
}
