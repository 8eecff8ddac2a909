package httpfetch

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sespan/internal/access"
)

// Keys reads a JWKS, of a file or an https URL, and counts the usable keys. Unlike
// OpenTokens it fails when the URL does not answer (access.ErrKeySource).
func (c *Client) Keys(ctx context.Context, jwks string) (int, error) {
	source, o := keySource(jwks)
	if remote, ok := source.(*remoteKeys); ok {
		remote.client = c
	}
	o.Clock = time.Now
	set := access.NewKeySet(source, o)
	if err := set.Load(ctx); err != nil {
		return 0, err
	}
	return set.Len(), nil
}

// Date gives the clock of a site by the Date header of its answer (RFC 9110, section
// 6.6.1), to the second; whatever else it answers is of no matter.
func (c *Client) Date(ctx context.Context, address string) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, http.NoBody)
	if err != nil {
		return time.Time{}, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	_ = res.Body.Close() // HEAD has none
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("its answer has no Date")
	}
	return at.Add(500 * time.Millisecond), nil // the header drops what is below a second
}
