package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"sespan/internal/config"
	"sespan/internal/httpfetch"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// check is one line of the doctor.
type check struct {
	subject string
	run     func(context.Context) (string, error) // what is right, or what is wrong and what to do
}

// Doctor is the command doctor.
type Doctor struct{ config.Settings }

// Run looks at everything that serve stands on and says what to do. It fails
// when something is wrong.
func (d *Doctor) Run(ctx context.Context, e *Env) error {
	c := &d.Settings
	if err := c.Resolve(); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Options{URL: c.URL, MaxConns: 2, ApplicationName: "sespan doctor", Pooled: c.Pooled()})
	if err != nil {
		return err
	}
	defer pool.Close()
	wrong := 0
	for _, one := range []check{
		{"settings", func(context.Context) (string, error) { return "every value is usable", nil }},
		{"database", func(ctx context.Context) (string, error) { return checkDatabase(ctx, pool) }},
		{"schema", func(ctx context.Context) (string, error) { return checkSchema(ctx, c.URL) }},
		{"rights", func(ctx context.Context) (string, error) { return checkRights(ctx, pool) }},
		{"customers", func(ctx context.Context) (string, error) { return checkBinding(ctx, pool) }},
		{"addresses", func(ctx context.Context) (string, error) { return checkAddresses(ctx, pool) }},
		{"people", func(ctx context.Context) (string, error) { return checkPeople(ctx, pool) }},
		{"draws", func(ctx context.Context) (string, error) { return checkDraws(ctx, pool, c.Ring) }},
		{"tiers", func(ctx context.Context) (string, error) { return checkTiers(ctx, pool) }},
		{"tokens", func(ctx context.Context) (string, error) { return checkTokens(ctx, c, e.logger) }},
		{"mail", func(ctx context.Context) (string, error) { return checkRelays(ctx, c) }},
		{"dkim", func(ctx context.Context) (string, error) { return checkDKIM(ctx, c, net.DefaultResolver.LookupTXT) }},
	} {
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		text, err := one.run(bounded)
		cancel()
		mark := "ok   "
		switch known, ok := errors.AsType[note](err); {
		case ok:
			mark, text = "note ", known.Error()
		case err != nil:
			mark, text = "WRONG", err.Error()
			wrong++
		}
		fmt.Fprintf(e.Out, "%s  %-10s %s\n", mark, one.subject, text)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of the checks found a problem", wrong)
	}
	return nil
}

const clockTolerance = 5 * time.Second

func checkDatabase(ctx context.Context, pool *postgres.Pool) (string, error) {
	asked := time.Now()
	there, err := pool.Clock(ctx)
	if err != nil {
		return "", err
	}
	now := time.Now()
	if skew := there.Sub(asked.Add(now.Sub(asked) / 2)).Abs(); skew > clockTolerance {
		return "", fmt.Errorf("its clock differs by %s from this machine's; let both follow NTP", skew.Round(time.Second))
	}
	return "answers in " + now.Sub(asked).Round(time.Millisecond).String() + ", clocks agree", nil
}

func checkSchema(ctx context.Context, url string) (string, error) {
	s, err := postgres.Status(ctx, url)
	switch {
	case err != nil:
		return "", err
	case len(s.Pending) > 0:
		return "", fmt.Errorf("at version %d, this program needs %d; run: sespan migrate up", s.Current, s.Latest)
	case s.Current > s.Latest:
		return "", fmt.Errorf("at version %d, newer than this program's %d; run a newer sespan", s.Current, s.Latest)
	}
	return fmt.Sprintf("version %d", s.Current), nil
}

func checkBinding(ctx context.Context, pool *postgres.Pool) (string, error) {
	b, err := pool.BindingState(ctx)
	switch {
	case err != nil:
		return "", err
	case !b.OK():
		return "", fmt.Errorf("%s: %s; run: sespan bind-customers", b.State, b.Reason)
	}
	watched, err := pool.Watched(ctx)
	if err != nil {
		return "", err
	}
	text := "bound; whom plain SQL activates is not seen (bind-customers --watch)"
	if watched {
		text = "bound and watched"
	}
	if b.Reason != "" {
		text += ", but " + b.Reason
	}
	tried, err := pool.TryCustomers(ctx)
	switch {
	case postgres.NotTried(err):
		return "", note(fmt.Sprintf("%s; %v", text, err))
	case err != nil:
		return "", err
	case tried == "none":
		return text + "; there is no customer yet to try the activation with", nil
	}
	return fmt.Sprintf("%s; %s was read and activated, which was undone", text, tried), nil
}

func checkDraws(ctx context.Context, pool *postgres.Pool, ring *secret.Ring) (string, error) {
	if err := transaction.NewEpochs(postgres.NewTransactions(pool), ring, rand.Reader).Check(ctx); err != nil {
		return "", err
	}
	return "SESPAN_SECRET_KEYS opens the seed of today's draws", nil
}

func checkTokens(ctx context.Context, c *config.Settings, logger *slog.Logger) (string, error) {
	if c.JWKS == "" {
		return "none: SESPAN_JWKS is not set, browsers cannot call", nil
	}
	if _, err := httpfetch.OpenTokens(ctx, c.JWKS, time.Now, logger); err != nil {
		return "", err
	}
	return "the keys of " + c.JWKS + " are usable", nil
}
