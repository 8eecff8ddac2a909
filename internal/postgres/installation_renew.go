package postgres

import (
	"context"
	"fmt"
)

// Renewed tells what RenewInstallation did.
type Renewed struct {
	Challenges     int64 // whose codes no longer work
	MailsHeld      int64 // wait for a person, because they may have been sent
	MailsCancelled int64
}

// RenewInstallation makes an installation of its own of a restored copy, before the
// first serve there: see sespan.installation_renew. The url must lead to the server
// itself.
func RenewInstallation(ctx context.Context, url string, cancelMails bool, progress func(string)) (Renewed, error) {
	var r Renewed
	err := withSchemaLock(ctx, url, progress, func(s *schemaSession) error {
		if err := s.actAsOwner(ctx); err != nil {
			return err
		}
		row, err := s.q.InstallationRenew(ctx, s.conn, cancelMails)
		if err != nil {
			return withHint(err)
		}
		r = Renewed{Challenges: row.Challenges, MailsHeld: row.MailsHeld, MailsCancelled: row.MailsCancelled}
		return s.actAsLogin(ctx)
	})
	if err != nil {
		return r, fmt.Errorf("migrate new-installation: %w", err)
	}
	return r, nil
}
