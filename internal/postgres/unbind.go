package postgres

import (
	"context"
	"fmt"
)

// UnbindCustomers drops the foreign key of the codes and puts the placeholders
// back; true if a table was bound. The site may then flush, replace or drop its
// table; until the next BindCustomers no customer is served.
func UnbindCustomers(ctx context.Context, url string, progress func(line string)) (bool, error) {
	var was bool
	err := withSchemaLock(ctx, url, progress, func(s *schemaSession) error {
		if err := s.actAsOwner(ctx); err != nil {
			return err
		}
		return s.retry(ctx, "unbind", func() (err error) {
			was, err = s.q.CustomerUnbind(ctx, s.conn)
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("unbind: %w", err)
	}
	return was, nil
}
