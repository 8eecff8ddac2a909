package postgres

import (
	"context"

	"sespan/internal/address"
	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// readdress gives the claimed mails to recipients beyond ASCII the address to write
// to, and asks for the pauses and suppressions of their keys, which SQL cannot make.
// What is no address after all stays: the composer says why.
func (s *Mail) readdress(ctx context.Context, claimed []mail.Claimed) error {
	byID := map[int64]*mail.Claimed{}
	p := &dbsqlc.MailReaddressParams{}
	for i := range claimed {
		c := &claimed[i]
		if address.ASCII(c.Recipient) {
			continue
		}
		mailbox, err := address.Mailbox(c.Recipient)
		if err != nil {
			continue
		}
		key, err := address.Key(c.Recipient)
		if err != nil {
			continue
		}
		byID[c.QueueID], c.Recipient = c, mailbox
		p.QueueIds, p.LeaseTokens = append(p.QueueIds, c.QueueID), append(p.LeaseTokens, c.Token)
		p.Mailboxes, p.AddressKeys = append(p.Mailboxes, mailbox), append(p.AddressKeys, key)
	}
	if len(byID) == 0 {
		return nil
	}
	rows, err := s.pool.queries.MailReaddress(ctx, s.db, p)
	if err != nil {
		return mapError(err)
	}
	for _, r := range rows {
		byID[r.QueueID].PausedBy, byID[r.QueueID].Suppressed = r.Parked, r.Suppressed
	}
	return nil
}
