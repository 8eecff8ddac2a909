package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"time"

	"sespan/internal/config"
	"sespan/internal/httpapi"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

// finding is one line of the doctor.
type finding struct {
	subject string
	look    func(context.Context) (string, error) // what is well, or what is wrong and the mend
}

// doctor looks at everything that serve stands on and says what to do. It fails
// when something is wrong.
func (e *env) doctor(ctx context.Context) error {
	c := &e.cli.Doctor.Settings
	if err := c.Resolve(); err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, postgres.Options{URL: c.URL, MaxConns: 2, ApplicationName: "sespan doctor", Pooled: c.Pooled()})
	if err != nil {
		return err
	}
	defer pool.Close()
	wrong := 0
	for _, f := range []finding{
		{"settings", func(context.Context) (string, error) { return "every value is usable", nil }},
		{"database", func(ctx context.Context) (string, error) { return lookAtDatabase(ctx, pool) }},
		{"schema", func(ctx context.Context) (string, error) { return lookAtSchema(ctx, c.URL) }},
		{"customers", func(ctx context.Context) (string, error) { return lookAtBinding(ctx, pool) }},
		{"addresses", func(ctx context.Context) (string, error) { return lookAtAddresses(ctx, pool) }},
		{"draws", func(ctx context.Context) (string, error) { return lookAtDraws(ctx, pool, c.Ring) }},
		{"tokens", func(ctx context.Context) (string, error) { return e.lookAtTokens(ctx, c) }},
		{"mail", func(ctx context.Context) (string, error) { return lookAtRelays(ctx, c) }},
		{"dkim", func(ctx context.Context) (string, error) { return lookAtDKIM(ctx, c, net.DefaultResolver.LookupTXT) }},
	} {
		looking, cancel := context.WithTimeout(ctx, 10*time.Second)
		text, err := f.look(looking)
		cancel()
		mark := "ok   "
		switch known, ok := errors.AsType[remark](err); {
		case ok:
			mark, text = "note ", known.Error()
		case err != nil:
			mark, text = "WRONG", err.Error()
			wrong++
		}
		fmt.Fprintf(e.Out, "%s  %-10s %s\n", mark, f.subject, text)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of the checks found something to mend", wrong)
	}
	return nil
}

const clockTolerance = 5 * time.Second

func lookAtDatabase(ctx context.Context, pool *postgres.Pool) (string, error) {
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

func lookAtSchema(ctx context.Context, url string) (string, error) {
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

func lookAtBinding(ctx context.Context, pool *postgres.Pool) (string, error) {
	b, err := pool.BindingState(ctx)
	switch {
	case err != nil:
		return "", err
	case !b.OK():
		return "", fmt.Errorf("%s: %s; run: sespan bind-customers --table …", b.State, b.Reason)
	case b.Reason != "":
		return "bound, but " + b.Reason, nil
	}
	return "bound", nil
}

func lookAtDraws(ctx context.Context, pool *postgres.Pool, ring *secret.Ring) (string, error) {
	if err := transaction.NewEpochs(postgres.NewTransactions(pool), ring, rand.Reader).Check(ctx); err != nil {
		return "", err
	}
	return "SESPAN_SECRET_KEYS opens the seed of today's draws", nil
}

func (e *env) lookAtTokens(ctx context.Context, c *config.Settings) (string, error) {
	if c.JWKS == "" {
		return "none: SESPAN_JWKS is not set, browsers cannot call", nil
	}
	if _, err := httpapi.OpenTokens(ctx, c.JWKS, time.Now, e.logger); err != nil {
		return "", err
	}
	return "the keys of " + c.JWKS + " are usable", nil
}
