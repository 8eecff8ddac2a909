package app

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"sespan/internal/access"
	"sespan/internal/postgres"
)

func (e *env) keeper(ctx context.Context) (access.Keeper, func(), error) {
	if err := e.cli.Keys.Resolve(); err != nil {
		return access.Keeper{}, nil, err
	}
	return openKeeper(ctx, e.cli.Keys.URL)
}

func openKeeper(ctx context.Context, url string) (access.Keeper, func(), error) {
	pool, err := postgres.Open(ctx, postgres.Options{URL: url, MaxConns: 1, ApplicationName: "sespan keys", Pooled: true})
	if err != nil {
		return access.Keeper{}, nil, err
	}
	return access.Keeper{Store: postgres.NewKeys(pool), Clock: time.Now}, pool.Close, nil
}

// keysCreate prints the key alone on standard output, so that it can be piped
// into a secret store; everything else goes to standard error.
func (e *env) keysCreate(ctx context.Context) error {
	keeper, closing, err := e.keeper(ctx)
	if err != nil {
		return err
	}
	defer closing()
	c := e.cli.Keys.Create
	key, whole, err := keeper.Create(ctx, access.Role(c.Role), c.Name, c.Expires)
	if err != nil {
		return err
	}
	e.say(fmt.Sprintf("key %s with role %s for %q; it is shown this once:", key.ID, key.Role, key.Name))
	fmt.Fprintln(e.Out, whole)
	return nil
}

func (e *env) keysList(ctx context.Context) error {
	keeper, closing, err := e.keeper(ctx)
	if err != nil {
		return err
	}
	defer closing()
	keys, err := keeper.List(ctx)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		e.say("there is no key yet; make one with: sespan keys create --role service --name django")
		return nil
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROLE\tNAME\tSTATE\tCREATED\tEXPIRES\tLAST USED")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Role, k.Name, keyState(k), day(k.Created), day(k.Expires), day(k.LastUsed))
	}
	return w.Flush()
}

func keyState(k access.Key) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked " + day(k.Revoked)
	case !k.Live(time.Now()):
		return "expired"
	default:
		return "active"
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func (e *env) keysRevoke(ctx context.Context) error {
	keeper, closing, err := e.keeper(ctx)
	if err != nil {
		return err
	}
	defer closing()
	key, err := keeper.Revoke(ctx, e.cli.Keys.Revoke.ID)
	if err != nil {
		return err
	}
	e.say(fmt.Sprintf("key %s (%s, %q) is revoked; servers refuse it within seconds", key.ID, key.Role, key.Name))
	return nil
}
