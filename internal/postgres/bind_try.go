package postgres

import (
	"context"
)

// handOver lets the update of customers run as the site's own: with the rights of
// the table's owner. True if it did not before.
func (s *schemaSession) handOver(ctx context.Context, t customerTable, r *BindResult) (bool, error) {
	if !r.roles {
		return false, nil // they are made by the owner that comes with the roles
	}
	changed, err := s.q.CustomerHandOver(ctx, s.conn, t.relation)
	if isState(err, stateInsufficientPrivilege) {
		r.Advice = append(r.Advice, "This login may not act as the owner of "+t.qualified+
			": customers are activated with the rights of the service alone, and triggers of the site that need more will refuse it. Bind as the owner, or as a superuser.")
		return false, nil
	}
	return changed, err
}

// tryBinding does what a verification does with the binding, and undoes it: as the
// service's group, or as this login where it may not act as that.
func (s *schemaSession) tryBinding(ctx context.Context, service string, r *BindResult) error {
	if !r.roles || len(r.Pending) > 0 || r.Reference == "pending" {
		return nil
	}
	tried, err := tryCustomers(ctx, s.q, s.conn, service)
	if NotTried(err) {
		tried, err = tryCustomers(ctx, s.q, s.conn, "")
	}
	switch {
	case NotTried(err):
		r.Advice = append(r.Advice, "The update of a customer was "+err.Error()+"; sespan doctor tries it.")
	case err != nil:
		r.Wrong = err.Error()
	}
	r.Tried = tried
	return nil
}
