package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sespan/internal/app"
	"sespan/internal/config"
)

// checkRelays asks every relay, so that a fail-over is known to work before it is
// needed.
func checkRelays(ctx context.Context, c *config.Settings) (string, error) {
	if c.SMTPURL == "" {
		return "", errors.New("SESPAN_SMTP_URL is not set; no mail can be sent")
	}
	relays, err := app.Relays(c, nil, nil, nil)
	if err != nil {
		return "", err
	}
	defer relays.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is under way
	all := relays.All()
	errs, working := make([]error, len(all)), make([]string, len(all))
	var wg sync.WaitGroup
	for i, relay := range all {
		wg.Go(func() {
			working[i] = relay.Address() + " takes mail"
			if err := relay.Check(ctx); err != nil {
				errs[i] = fmt.Errorf("%s does not take mail: %w", relay.Address(), err)
			}
		})
	}
	wg.Wait()
	return strings.Join(working, ", "), errors.Join(errs...)
}

// checkDKIM compares the keys with what DNS says about them.
func checkDKIM(ctx context.Context, c *config.Settings, lookup func(context.Context, string) ([]string, error)) (string, error) {
	s, err := app.Signer(c)
	switch {
	case err != nil:
		return "", err
	case s == nil:
		return "none: SESPAN_DKIM_KEY_FILE is not set, the relay may sign", nil
	}
	for _, k := range s.Keys() {
		if err := k.Published(ctx, s.Domain(), lookup); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("signs for %s, DNS holds the key", s.Domain()), nil
}
