package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"sespan/internal/access"
	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Keys is the command keys.
type Keys struct {
	Create KeysCreate `cmd:"" help:"Make a key; prints only the key on standard output, once."`
	List   KeysList   `cmd:"" help:"List the keys, never their secrets."`
	Revoke KeysRevoke `cmd:"" help:"Revoke a key; it stops working within seconds."`
	Rotate KeysRotate `cmd:"" help:"Make a key in the place of another: same role, name and end; prints only the new key on standard output, once."`
	config.Database
}

// KeysCreate is the command keys create.
type KeysCreate struct {
	Role    string        `enum:"service,report,dashboard,admin" required:"" help:"service, report, dashboard or admin."`
	Name    string        `required:"" help:"Who uses the key; up to 100 characters."`
	Expires time.Duration `help:"Life of the key, such as 2160h; 0 is for ever."`
}

// KeysList is the command keys list.
type KeysList struct{}

// KeysRevoke is the command keys revoke.
type KeysRevoke struct {
	ID string `arg:"" help:"The key's id: the 12 characters after sk_."`
}

// KeysRotate is the command keys rotate.
type KeysRotate struct {
	ID      string        `arg:"" help:"The key's id: the 12 characters after sk_."`
	Overlap time.Duration `help:"How long the old key goes on beside the new one, up to 24h; it ends at once by default."`
}

func (k *Keys) open(ctx context.Context) (access.KeyAdmin, func(), error) {
	if err := k.Resolve(); err != nil {
		return access.KeyAdmin{}, nil, err
	}
	return openKeyAdmin(ctx, &k.PastPooler)
}

func openKeyAdmin(ctx context.Context, d *config.PastPooler) (access.KeyAdmin, func(), error) {
	pool, err := openDatabase(ctx, d, postgres.Options{ApplicationName: "sespan keys", LockTimeout: lockTimeout})
	if err != nil {
		return access.KeyAdmin{}, nil, err
	}
	return access.KeyAdmin{Store: postgres.NewKeys(pool), Clock: time.Now}, pool.Close, nil
}

// Run prints the key alone on standard output, so that it can be piped
// into a secret store; everything else goes to standard error.
func (c *KeysCreate) Run(ctx context.Context, k *Keys, e *Env) error {
	admin, closing, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	key, whole, err := admin.Create(ctx, access.Role(c.Role), c.Name, c.Expires)
	if err != nil {
		return err
	}
	e.progress(fmt.Sprintf("key %s with role %s for %q; it is shown this once:", key.ID, key.Role, key.Name))
	if _, err := fmt.Fprintln(e.Out, whole); err != nil {
		_, revoking := admin.Revoke(ctx, key.ID) // nobody has it
		return errors.Join(fmt.Errorf("the key could not be printed and is revoked: %w", err), revoking)
	}
	return nil
}

// Run prints the keys.
func (*KeysList) Run(ctx context.Context, k *Keys, e *Env) error {
	admin, closing, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	keys, err := admin.List(ctx)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		e.progress("there is no key yet; make one with: sespan keys create --role service --name django")
		return nil
	}
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROLE\tNAME\tOWNER\tSTATE\tCREATED\tEXPIRES\tLAST USED")
	for _, key := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Role, oneLine(key.Name), oneLine(ownerOf(key)), keyState(key), timestampOrNever(key.Created), timestampOrNever(key.Expires), timestampOrNever(key.LastUsed))
	}
	return w.Flush()
}

func keyState(k access.Key) string {
	if !k.Revoked.IsZero() {
		return "revoked " + timestampOrNever(k.Revoked)
	}
	return k.State(time.Now())
}

// ownerOf names the person whose key it is, "-" for a machine's.
func ownerOf(k access.Key) string {
	if k.OwnerID == "" {
		return "-"
	}
	return cmp.Or(k.OwnerName, k.OwnerID)
}

func timestampOrNever(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

// Run revokes the key.
func (c *KeysRevoke) Run(ctx context.Context, k *Keys, e *Env) error {
	admin, closing, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	key, err := admin.Revoke(ctx, c.ID)
	if err != nil {
		return err
	}
	e.progress(fmt.Sprintf("key %s (%s, %q) is revoked; servers refuse it within seconds", key.ID, key.Role, key.Name))
	return nil
}

// Run prints the new key alone on standard output.
func (c *KeysRotate) Run(ctx context.Context, k *Keys, e *Env) error {
	admin, closing, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer closing()
	key, whole, err := admin.Rotate(ctx, c.ID, c.Overlap)
	if err != nil {
		return err
	}
	ends := "ends at once"
	if c.Overlap > 0 {
		ends = "ends in " + c.Overlap.String()
	}
	e.progress(fmt.Sprintf("key %s stands in the place of %s, which %s; it is shown this once:", key.ID, key.Replaces, ends))
	if _, err := fmt.Fprintln(e.Out, whole); err != nil {
		return fmt.Errorf("the key could not be printed, for one in its place run sespan keys rotate %s: %w", key.ID, err)
	}
	return nil
}
