package httpfetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"sespan/internal/access"
)

// OpenTokens makes the verifier of the site's tokens from SESPAN_JWKS: a file,
// which is read again when it changes, an https URL, or "" for none, with which
// every token is refused. A file or document that cannot be used is an error; a URL
// that does not answer right now is only logged, the site may start later.
func OpenTokens(ctx context.Context, jwks string, clock func() time.Time, logger *slog.Logger) (*access.Tokens, error) {
	t := &access.Tokens{Clock: clock}
	if jwks == "" {
		return t, nil
	}
	source, o := keySource(jwks)
	o.Clock, o.Logger = clock, logger
	t.Keys = access.NewKeySet(source, o)
	err := t.Keys.Load(ctx)
	if _, remote := source.(*remoteKeys); remote && errors.Is(err, access.ErrKeySource) {
		logger.WarnContext(ctx, "SESPAN_JWKS does not answer yet; tokens are refused until it does", "error", err)
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("SESPAN_JWKS cannot be used: %w", err)
	}
	return t, nil
}

func keySource(jwks string) (access.KeySource, access.KeySetOptions) {
	if strings.Contains(jwks, "://") {
		return &remoteKeys{jwks, New()}, access.KeySetOptions{Refresh: 10 * time.Minute, Retry: time.Minute}
	}
	return &fileKeys{path: jwks}, access.KeySetOptions{Refresh: 2 * time.Second, Retry: time.Second}
}

// fileKeys reads a JWKS file and notices by its time and size that it changed.
type fileKeys struct {
	path string

	mu   sync.Mutex
	seen string
}

// Fetch implements access.KeySource.
func (f *fileKeys) Fetch(context.Context) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	version := fmt.Sprint(info.ModTime().UnixNano(), info.Size())
	if version == f.seen {
		return nil, nil
	}
	if info.IsDir() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", f.path, maxSize)
	}
	document, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	f.seen = version // also of a document that turns out unusable: it is not read again until it changes
	return document, nil
}

// remoteKeys fetches a JWKS document.
type remoteKeys struct {
	url    string
	client *Client
}

// Fetch implements access.KeySource.
func (k *remoteKeys) Fetch(ctx context.Context) ([]byte, error) {
	return k.client.Fetch(ctx, k.url)
}
