package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/alecthomas/kong"

	"sespan/internal/config"
	"sespan/internal/httpfetch"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// Doctor is the command doctor.
type Doctor struct {
	config.Serve
	JSON    bool          `name:"json" help:"Print the findings as JSON; see docs/doctor.md."`
	Timeout time.Duration `default:"45s" help:"Longest time for all checks together, 1s to 10m."`
}

// examination is what the checks look with. A test gives it a resolver and a client of
// its own.
type examination struct {
	settings *config.Serve
	files    map[string]string // that hold secrets, by the variable or flag that names them
	unknown  []string          // variables that begin with SESPAN_ and are no setting
	pool     *postgres.Pool
	resolver resolver
	web      *httpfetch.Client
	now      func() time.Time
	logger   *slog.Logger

	openBroker func(postgres.BrokerState) (mail.Broker, error) // its prefix is never ""
}

// resolver looks up TXT records: net.DefaultResolver, or a test's.
type resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// ExitError ends the program with a code of its own.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }

func (e *ExitError) Unwrap() error { return e.Err }

// Run looks at everything that serve stands on and says what to do. It fails when
// something is wrong or worth a look: see the exit codes.
func (d *Doctor) Run(ctx context.Context, parsed *kong.Context, e *Env) error {
	if d.Timeout < time.Second || d.Timeout > 10*time.Minute {
		return &config.Error{Variable: "--timeout", Problem: "is out of its bounds", Hint: "choose 1s to 10m"}
	}
	bounded, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	x := &examination{
		settings: &d.Serve, files: config.SecretFiles(parsed), unknown: config.Unknown(parsed),
		resolver: net.DefaultResolver, web: httpfetch.New(), now: time.Now, logger: slog.New(slog.DiscardHandler),
	}
	x.openBroker = x.clientOfBroker
	r := x.examine(bounded)
	if d.JSON {
		if err := e.printJSON(r); err != nil {
			return err
		}
	} else {
		r.print(e.Out)
	}
	if r.ExitCode == exitOK {
		return nil
	}
	return &ExitError{r.ExitCode, errors.New(r.sentence())}
}

// examine runs the checks. Where a setting is no value at all there is nothing to look at.
func (x *examination) examine(ctx context.Context) *diagnosis {
	r := &diagnosis{Version: diagnosisVersion, CheckedAt: x.now().UTC().Truncate(time.Second)}
	begun := time.Now()
	if err := x.settings.ResolveValues(); err != nil {
		r.add(check{group: "settings", name: "settings"}, settingError(err))
	} else {
		x.openPool(ctx)
		x.run(ctx, r)
		if x.pool != nil {
			x.pool.Close()
		}
	}
	r.conclude(time.Since(begun), ctx.Err() != nil)
	return r
}

// openPool leaves none where the URL is none: the check of the database says so.
func (x *examination) openPool(ctx context.Context) {
	s := x.settings
	pool, err := postgres.Open(ctx, postgres.Options{URL: s.URL, MaxConns: 2, ApplicationName: "sespan doctor", Pooled: s.Pooled()})
	if err == nil {
		x.pool = pool
	}
}
