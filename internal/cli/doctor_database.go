package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

func (x *examination) doctor() *postgres.Doctor { return postgres.NewDoctor(x.pool) }

// checkDatabase asks whether it answers, and takes what is written.
func (x *examination) checkDatabase(ctx context.Context) []finding {
	if x.pool == nil {
		return wrong("SESPAN_DATABASE_URL is not a PostgreSQL URL", config.HintDatabaseURL)
	}
	begun := x.now()
	s, err := x.doctor().Server(ctx)
	refused := postgres.Refusal(err)
	switch {
	case err != nil && refused != nil && !refused.Login:
		return wrong(refused.Reason, refused.Mend)
	case err != nil:
		return wrong(cause(err), mendConnection(err))
	case s.ReadOnly != "":
		return wrong("nothing can be written: "+s.ReadOnly, "give the address of the primary in SESPAN_DATABASE_URL; after a failover see that the name leads to the new one")
	}
	return well("PostgreSQL %s answers in %s", s.Version, x.now().Sub(begun).Round(time.Millisecond))
}

const (
	clockTolerance = 5 * time.Second
	clockWrong     = 30 * time.Second // what a token of the site may be off
)

// checkClock compares this machine's clock with the database's, by which codes and
// draws run.
func (x *examination) checkClock(ctx context.Context) []finding {
	h, err := postgres.NewHealth(x.pool).Server(ctx, x.now)
	if err != nil {
		return failed(err)
	}
	return judgeClock("the database's clock", h.ClockSkew)
}

// judgeClock takes another clock minus this machine's.
func judgeClock(whose string, skew time.Duration) []finding {
	text := fmt.Sprintf("%s is %s %s this machine's", whose, skew.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[skew > 0])
	const mend = "let both machines follow NTP (timedatectl shows whether they do)"
	switch {
	case skew.Abs() > clockWrong:
		return wrong(text, mend)
	case skew.Abs() > clockTolerance:
		return warning(text, mend)
	}
	return well("%s agrees with this machine's", whose)
}

// checkSchema compares the schema with this program. It goes past a pooler, as migrate does.
func (x *examination) checkSchema(ctx context.Context) []finding {
	s, err := postgres.Status(ctx, x.settings.Direct)
	switch {
	case err != nil && strings.Contains(err.Error(), "permission denied"):
		return wrong("this login may not read it: "+cause(err), "see what is said of login")
	case err != nil:
		return failed(err)
	case s.Current == 0:
		return wrong("there is none in this database", "run: sespan init, as a login that may create a schema")
	case len(s.Pending) > 0:
		return wrong(fmt.Sprintf("at version %d, this program needs %d", s.Current, s.Latest), "run: sespan migrate up")
	case s.Current > s.Latest:
		return wrong(fmt.Sprintf("at version %d, newer than this program's %d", s.Current, s.Latest), "run a newer sespan")
	}
	broken, err := x.doctor().InvalidIndexes(ctx)
	switch {
	case err != nil:
		return failed(err)
	case len(broken) > 0:
		return wrong("a migration was broken off: "+strings.Join(broken, ", ")+" cannot be used", "run: sespan migrate up, which makes it anew")
	}
	return well("version %d", s.Current)
}

// checkLogin compares the login's rights with those that serve needs.
func (x *examination) checkLogin(ctx context.Context) []finding {
	l, err := x.doctor().LoginRights(ctx)
	if err != nil {
		return failed(err)
	}
	s, err := x.doctor().Server(ctx)
	if err != nil {
		return failed(err)
	}
	grant := fmt.Sprintf("a superuser runs: GRANT %q TO %q", l.Service, l.Login)
	switch {
	case !l.HasSchema:
		return unchecked("first make the schema", "")
	case l.Service == "" && !l.MayUse:
		return wrong(l.Login+" may not use the schema sespan", "have a DBA grant what sespan migrate up --no-roles prints")
	case !l.MayUse, l.Missing > 0 && l.First != "":
		first := "USAGE on the schema sespan"
		if l.First != "" {
			first = l.First
		}
		return wrong(fmt.Sprintf("%s lacks rights of %s: %s", l.Login, l.Service, andMore(first, l.Missing)), grant)
	case s.Superuser:
		return warning(l.Login+" is a superuser, and serve needs only the rights of "+l.Service, "let serve log in as a member of that group: sespan init --url-file FILE makes one")
	}
	if s.Unset != "" && x.settings.Pooled() {
		return warning(fmt.Sprintf("%s has the rights of %s, but not the settings that a pooler leaves to the login", l.Login, l.Service),
			fmt.Sprintf("run: ALTER ROLE %q SET %s (docs/dba.md, PgBouncer); then let the pooler make its connections anew", l.Login, s.Unset))
	}
	return well("%s has the rights of %s", l.Login, l.Service)
}

func andMore(first string, all int) string {
	if all > 1 {
		return fmt.Sprintf("%s and %d more", first, all-1)
	}
	return first
}

// fullShare is the share of the server's connections from which on a burst may find none.
const fullShare = 0.8

// checkConnections sees whether the server has connections left.
func (x *examination) checkConnections(ctx context.Context) []finding {
	h, err := postgres.NewHealth(x.pool).Server(ctx, x.now)
	if err != nil {
		return failed(err)
	}
	return judgeConnections(h)
}

func judgeConnections(h postgres.ServerHealth) []finding {
	text := fmt.Sprintf("%d of the server's %d are in use", h.Connections, h.MaxConnections)
	if float64(h.Connections) > fullShare*float64(h.MaxConnections) {
		return warning(text, "raise max_connections, lower SESPAN_DATABASE_CONNECTIONS, or put a pooler between (docs/database.md)")
	}
	return well("%s", text)
}
