package httpfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	timeout = 3 * time.Second
	maxSize = 128 << 10
)

// Client fetches small documents.
type Client struct{ http *http.Client }

// New makes a client with a transport of its own.
func New() *Client {
	return WithTransport(http.DefaultTransport.(*http.Transport).Clone()) //nolint:forcetypeassert // the standard library's own
}

// WithTransport makes a client that goes another way than the system's.
func WithTransport(transport http.RoundTripper) *Client {
	return &Client{&http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Fetch gets the document at an https URL, at most 128 KiB of it.
func (c *Client) Fetch(ctx context.Context, address string) ([]byte, error) {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("it is not an https URL")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json, */*;q=0.5")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its end, or given up
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d, not 200 (redirects are not followed)", res.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(res.Body, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(document) > maxSize {
		return nil, fmt.Errorf("its document has more than %d bytes", maxSize)
	}
	return document, nil
}
