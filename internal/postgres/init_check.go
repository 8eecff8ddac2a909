package postgres

import (
	"cmp"
	"context"
	"fmt"
)

// InitPlan is what init will make besides the schema.
type InitPlan struct {
	Table      string // as Binding has it
	Columns    map[string]string
	RolePrefix string
	SiteLogin  string // "" for none
}

// CheckInit fails with what would stop init after the schema was made; it changes
// nothing. Where the schema is there already each step says so before it changes anything.
func CheckInit(ctx context.Context, address string, plan InitPlan) error {
	s, err := openSchemaSession(ctx, address, nil)
	if err != nil {
		return fmt.Errorf("init: %w", err)
	}
	defer s.close(ctx)
	if err := s.checkInit(ctx, plan); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	return nil
}

func (s *schemaSession) checkInit(ctx context.Context, plan InitPlan) error {
	if plan.SiteLogin != "" {
		found, err := s.q.DatabaseLoginExists(ctx, s.conn, plan.SiteLogin)
		if err != nil {
			return err
		}
		if !found {
			return noSiteLogin(plan.SiteLogin)
		}
	}
	owner, err := s.q.SchemaOwner(ctx, s.conn)
	if err != nil {
		return err
	}
	if owner != "" {
		if others, err := s.q.SchemaOthers(ctx, s.conn); err != nil || len(others) == 0 {
			return err // it is ours
		}
	}
	_, err = s.resolve(ctx, Binding{Table: cmp.Or(plan.Table, "public.auth_user"), Columns: plan.Columns}, boundTable{})
	return err
}

func noSiteLogin(login string) error {
	return fmt.Errorf("site login: the database has no login %q; give the USER of DATABASES in the site's settings", login)
}
