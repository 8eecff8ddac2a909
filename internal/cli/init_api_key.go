package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"sespan/internal/access"
)

// key makes the site's service key once: into the key file, or printed.
func (c *Init) key(ctx context.Context, e *Env, admin access.KeyAdmin, keys []access.Key) error {
	if exists(c.KeyFile) {
		return c.keptKey(e, keys)
	}
	for _, k := range keys {
		if c.KeyFile == "" && k.Name == c.KeyName && k.Role == access.RoleService && keyState(k) == "active" {
			e.progress(fmt.Sprintf("service key: %s named %q is there already; another one: sespan keys create --role service --name %s", k.ID, k.Name, k.Name))
			return nil
		}
	}
	key, whole, err := admin.Create(ctx, access.RoleService, c.KeyName, 0)
	if err != nil {
		return err
	}
	if c.KeyFile == "" {
		e.progress(fmt.Sprintf("service key %s for the site (SESPAN[\"KEY\"]), shown this once, on standard output:", key.ID))
		if _, err := fmt.Fprintln(e.Out, whole); err != nil {
			_, revoking := admin.Revoke(ctx, key.ID) // nobody has it
			return errors.Join(fmt.Errorf("the key could not be printed and is revoked: %w", err), revoking)
		}
		return nil
	}
	e.progress(fmt.Sprintf("service key: %s is in %s", key.ID, c.KeyFile))
	return writeSecret(c.KeyFile, whole+"\n")
}

// keptKey leaves the key file as it is, and says when it is of another database.
func (c *Init) keptKey(e *Env, keys []access.Key) error {
	path := c.KeyFile
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Role == access.RoleService && keyState(k) == "active" && strings.Contains(string(content), "_"+k.ID+"_") {
			e.progress("service key: " + path + " is there already and stays")
			return nil
		}
	}
	e.progress("service key: " + path + " is there already and stays, but its key is no good in this database; for another one remove the file and run init again")
	return nil
}
