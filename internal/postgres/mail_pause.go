package postgres

import (
	"context"

	"sespan/internal/mail"
)

// Park sets rows aside until the pause of each ends.
func (s *Mail) Park(ctx context.Context, leases []mail.Lease, pauses []string) error {
	ids, tokens := splitLeases(leases)
	_, err := s.pool.queries.MailPark(ctx, s.db, ids, tokens, pauses)
	return mapError(err)
}

const unparkPortion = 5000

// Unpark lets go a portion of the mails whose pause is over.
func (s *Mail) Unpark(ctx context.Context) (done bool, err error) {
	n, err := s.pool.queries.MailUnpark(ctx, s.pool, unparkPortion)
	return n < unparkPortion, mapError(err)
}
