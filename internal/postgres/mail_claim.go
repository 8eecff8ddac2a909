package postgres

import (
	"context"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// ClaimAnnounced leases those of the named rows that are ready and reads their content;
// left are the ready ones that it did not take.
func (s *Mail) ClaimAnnounced(ctx context.Context, c mail.AnnouncedClaim) (out []mail.Claimed, left []int64, err error) {
	rows, err := s.pool.queries.MailClaimAnnounced(ctx, s.db, &dbsqlc.MailClaimAnnouncedParams{
		QueueIds: c.QueueIDs, RowLimit: int32(c.Limit), ByteLimit: c.Bytes, LeaseToken: c.Token, LeaseSeconds: c.Lease.Seconds(), //nolint:gosec // hundreds
	})
	if err != nil {
		return nil, nil, mapError(err)
	}
	for i := range rows {
		if !rows[i].Taken {
			left = append(left, rows[i].QueueID)
			continue
		}
		out = append(out, claimedAnnounced(&rows[i], c.Token))
	}
	if err := s.complete(ctx, out); err != nil {
		return nil, nil, err
	}
	return out, left, nil
}

// claimedAnnounced reads the columns that both claims answer.
func claimedAnnounced(r *dbsqlc.MailClaimAnnouncedRow, token int64) mail.Claimed {
	return claimed(&dbsqlc.MailClaimRow{
		QueueID: r.QueueID, MessageID: r.MessageID, CreatedAt: r.CreatedAt, Recipient: r.Recipient, Priority: r.Priority, Attempts: r.Attempts,
		Lapses: r.Lapses, SizeBytes: r.SizeBytes, Fresh: r.Fresh, Hold: r.Hold, ExpiresIn: r.ExpiresIn, Waited: r.Waited,
		ContentFound: r.ContentFound, Dated: r.Dated, Parked: r.Parked, Suppressed: r.Suppressed, Sender: r.Sender, ReplyTo: r.ReplyTo,
		ToAddresses: r.ToAddresses, CcAddresses: r.CcAddresses, Subject: r.Subject, BodyText: r.BodyText, BodyHtml: r.BodyHtml, Headers: r.Headers,
		Attachments: r.Attachments, Raw: r.Raw, Sealed: r.Sealed, Traceparent: r.Traceparent,
	}, token)
}
