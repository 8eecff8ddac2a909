package postgres

import "context"

// watch makes the trigger that sees activations by plain SQL. Who binds without
// TRIGGER on the site's table gets its statement for the owner.
func (s *schemaSession) watch(ctx context.Context, asked bool, r *BindResult) error {
	there, err := s.q.OTPWatchKnown(ctx, s.conn)
	if err != nil || !asked && !there {
		return err
	}
	if err := s.actAsOwner(ctx); err != nil {
		return err
	}
	var trigger string
	if err := s.retry(ctx, "the watch", func() (err error) {
		trigger, err = s.q.OTPWatchBind(ctx, s.conn)
		return err
	}); err != nil {
		return err
	}
	if err := s.actAsLogin(ctx); err != nil || trigger == "" {
		return err
	}
	err = s.retry(ctx, "the watch's trigger", func() error {
		_, err := s.conn.Exec(ctx, trigger)
		return err
	})
	switch {
	case isState(err, stateInsufficientPrivilege):
		r.Pending = append(r.Pending, trigger)
	case err != nil:
		return err
	default:
		r.Granted = append(r.Granted, trigger)
	}
	return nil
}

// Watched tells whether activations by plain SQL are seen.
func (p *Pool) Watched(ctx context.Context) (bool, error) {
	watched, err := p.queries.OTPWatched(ctx, p.Pool)
	return watched, mapError(err)
}
