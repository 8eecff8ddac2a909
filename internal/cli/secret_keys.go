package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"sespan/internal/config"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

// SecretKeys is the command secret-keys.
type SecretKeys struct {
	config.SecretKeys
	config.Database
}

// Run prints what each key is needed for, and fails where one that is needed is not there.
func (c *SecretKeys) Run(ctx context.Context, e *Env) error {
	if err := c.ResolveKeys(); err != nil {
		return err
	}
	if err := c.Resolve(); err != nil {
		return err
	}
	return withDatabase(ctx, &c.Database, postgres.Options{ApplicationName: "sespan secret-keys"}, func(pool *postgres.Pool) error {
		uses, err := pool.SecretKeyUses(ctx)
		if err != nil {
			return adminLogin(err)
		}
		return printKeyUses(e, c.Ring, uses)
	})
}

func adminLogin(err error) error {
	return fmt.Errorf("%w; the login must be that of sespan serve", err)
}

func printKeyUses(e *Env, ring *secret.Ring, uses []postgres.SecretKeyUse) error {
	byID := map[string]postgres.SecretKeyUse{}
	ids, missing := ring.IDs(), []string(nil)
	for _, use := range uses {
		byID[use.ID] = use
		if !ring.Has(use.ID) {
			ids, missing = append(ids, use.ID), append(missing, use.ID)
		}
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tCODES\tMAILS\tFORM DATA\tSEEDS\tSTATE")
	for _, id := range ids {
		use := byID[id]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\n", oneLine(id), use.Codes, use.Mails, use.FormData, use.Seeds, keyUseState(ring, id, use))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(missing) > 0 {
		return errors.New("SESPAN_SECRET_KEYS lacks " + oneLine(strings.Join(missing, ", ")) + ": put it back behind the others")
	}
	return nil
}

func keyUseState(ring *secret.Ring, id string, use postgres.SecretKeyUse) string {
	switch {
	case !ring.Has(id):
		return "is missing"
	case id == ring.Current():
		return "signs and seals"
	case use.Codes+use.Mails+use.FormData+use.Seeds > 0:
		return "is still needed"
	}
	return "may go"
}
