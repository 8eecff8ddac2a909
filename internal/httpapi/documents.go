package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const documentTimeout = 3 * time.Second

// Documents fetches small documents by https: no redirects, so that nobody who
// can move one chooses what we trust, and with bounds on time and size.
type Documents struct{ client *http.Client }

// NewDocuments makes one with a transport of its own.
func NewDocuments() *Documents {
	return newDocuments(http.DefaultTransport.(*http.Transport).Clone()) //nolint:forcetypeassert // the standard library's own
}

func newDocuments(transport http.RoundTripper) *Documents {
	return &Documents{&http.Client{
		Transport: transport, Timeout: documentTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Fetch gets the document at an https URL, at most 128 KiB of it.
func (d *Documents) Fetch(ctx context.Context, address string) ([]byte, error) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("it is not an https URL")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json, */*;q=0.5")
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end, or given up
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d, not 200 (redirects are not followed)", res.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("its document has more than %d bytes", maxJWKS)
	}
	return document, nil
}
