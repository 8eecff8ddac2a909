package postgres

import (
	"cmp"
	"context"
	"math"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// Mail is the store of the mail worker. Give it a pool of its own with five
// connections (claims, two for results, marking, maintenance) and GenericPlans.
type Mail struct {
	pool *Pool
	db   dbsqlc.DBTX
}

var (
	_ mail.Store          = (*Mail)(nil)
	_ mail.AnnouncedQueue = (*Mail)(nil)
)

// NewMail makes the store.
func NewMail(pool *Pool) *Mail {
	if pool.genericPlans() {
		return &Mail{pool, pool}
	}
	return &Mail{pool, customPlans{pool}}
}

// Claim leases ready rows and reads their content, in one statement; files that are
// stored apart take a second one.
func (s *Mail) Claim(ctx context.Context, c mail.Claim) ([]mail.Claimed, error) {
	rows, err := s.pool.queries.MailClaim(ctx, s.db, &dbsqlc.MailClaimParams{
		DueWindow: c.DueWindow.Seconds(), DueLimit: int32(c.DueLimit), QueueAfter: c.QueueAfter[:], //nolint:gosec // hundreds
		PriorityLimit: int32(cmp.Or(c.Passing, mail.Priorities)), BatchLimit: int32(c.Limit), LeaseToken: c.Token, LeaseSeconds: c.Lease.Seconds(), ByteLimit: c.Bytes, //nolint:gosec // hundreds
	})
	if err != nil {
		return nil, mapError(err)
	}
	out := make([]mail.Claimed, len(rows))
	for i := range rows {
		out[i] = claimed(&rows[i], c.Token)
	}
	if err := s.complete(ctx, out); err != nil {
		return nil, err
	}
	return out, nil
}

// complete reads what a claim leaves to further statements. Rows for which that fails
// are given back.
func (s *Mail) complete(ctx context.Context, rows []mail.Claimed) error {
	err := s.readdress(ctx, rows)
	if err == nil {
		err = s.readAttachments(ctx, rows)
	}
	if err != nil {
		leases := make([]mail.Lease, len(rows))
		for i := range rows {
			leases[i] = rows[i].Lease
		}
		_ = s.Release(ctx, leases) // else they lapse
	}
	return err
}

func claimed(r *dbsqlc.MailClaimRow, token int64) mail.Claimed {
	c := mail.Claimed{
		Lease: mail.Lease{QueueID: r.QueueID, Token: token}, MessageID: r.MessageID, CreatedAt: r.CreatedAt, Recipient: r.Recipient,
		Priority: int(r.Priority), Attempts: int(r.Attempts), Lapses: int(r.Lapses), HoldUnknown: r.Hold, Fresh: r.Fresh,
		ExpiresIn: duration(r.ExpiresIn), Waited: duration(r.Waited), Size: int64(r.SizeBytes), PausedBy: r.Parked, Suppressed: r.Suppressed, Trace: orEmpty(r.Traceparent),
	}
	if r.ContentFound {
		c.Stored = &mail.Stored{
			Date: r.Dated, Sender: orEmpty(r.Sender), ReplyTo: orEmpty(r.ReplyTo), To: r.ToAddresses, CC: r.CcAddresses, Subject: r.Subject,
			Text: orEmpty(r.BodyText), HTML: orEmpty(r.BodyHtml), Headers: r.Headers, Attachments: r.Attachments, Raw: r.Raw, Sealed: r.Sealed,
		}
	}
	return c
}

// MarkSending stores that sending may begin.
func (s *Mail) MarkSending(ctx context.Context, leases []mail.Lease) ([]int64, error) {
	ids, tokens := splitLeases(leases)
	held, err := s.pool.queries.MailMarkSending(ctx, s.db, ids, tokens)
	return held, mapError(err)
}

// Settle writes results and gives the ids that the fence let through.
func (s *Mail) Settle(ctx context.Context, results []mail.Result) ([]int64, error) {
	n := len(results)
	p := &dbsqlc.MailSettleParams{
		QueueIds: make([]int64, n), LeaseTokens: make([]int64, n), States: make([]string, n), Tries: make([]int32, n),
		Delays: make([]float64, n), Reasons: make([]string, n), Codes: make([]int32, n), Replies: make([]string, n), Relays: make([]string, n),
	}
	for i, r := range results {
		p.QueueIds[i], p.LeaseTokens[i], p.States[i], p.Tries[i] = r.QueueID, r.Token, string(r.State), int32(r.Tries) //nolint:gosec // 0 or 1
		p.Delays[i], p.Reasons[i], p.Codes[i] = r.Delay.Seconds(), r.Reason, int32(r.Code)                             //nolint:gosec // three digits
		p.Replies[i], p.Relays[i] = r.Reply, r.Relay
	}
	ids, err := s.pool.queries.MailSettle(ctx, s.db, p)
	return ids, mapError(err)
}

// Release gives rows back unsent and notifies.
func (s *Mail) Release(ctx context.Context, leases []mail.Lease) error {
	ids, tokens := splitLeases(leases)
	_, err := s.pool.queries.MailRelease(ctx, s.db, ids, tokens)
	return mapError(err)
}

// RenewLeases renews leases and gives the ids that are still held.
func (s *Mail) RenewLeases(ctx context.Context, leases []mail.Lease, d time.Duration) ([]int64, error) {
	ids, tokens := splitLeases(leases)
	held, err := s.pool.queries.MailRenewLeases(ctx, s.db, d.Seconds(), ids, tokens)
	return held, mapError(err)
}

// Reclaim takes back lapsed rows.
func (s *Mail) Reclaim(ctx context.Context, limit int) (retried, unknown int, err error) {
	rows, err := s.pool.queries.MailReclaim(ctx, s.db, int32(limit)) //nolint:gosec // a thousand
	for _, r := range rows {
		if r.State == string(mail.StateUnknown) {
			unknown++
		} else {
			retried++
		}
	}
	return retried, unknown, mapError(err)
}

// NextDue is the time until a scheduled row or a retry is due.
func (s *Mail) NextDue(ctx context.Context) (time.Duration, error) {
	seconds, err := s.pool.queries.MailNextDue(ctx, s.pool)
	return duration(seconds), mapError(err)
}

// Depth counts the rows by state, and what never came into the queue.
func (s *Mail) Depth(ctx context.Context) (mail.Depth, error) {
	d := mail.Depth{Rows: map[mail.State]int64{}}
	rows, err := s.pool.queries.MailDepth(ctx, s.pool)
	if err != nil {
		return d, mapError(err)
	}
	for _, r := range rows {
		d.Rows[mail.State(r.State)] = r.Rows
		d.OldestReady = max(d.OldestReady, duration(r.OldestReady))
	}
	if d.TriggerEnabled, err = s.pool.queries.MailTriggerEnabled(ctx, s.pool); err != nil {
		return d, mapError(err)
	}
	d.Lost, err = s.pool.queries.MailLost(ctx, s.pool)
	return d, mapError(err)
}

// cleanupFor is how long one round may take; the rest is the next one's.
const cleanupFor = 3 * time.Second

// Cleanup wipes bodies whose time has come and deletes old idempotency keys, in
// portions, until few are left.
func (s *Mail) Cleanup(ctx context.Context) error {
	const portion = 1000
	for begin := time.Now(); ; {
		n, err := s.pool.queries.MailCleanup(ctx, s.db, portion)
		if err != nil || max(n.Wiped, n.Dropped) < portion || time.Since(begin) > cleanupFor {
			return mapError(err)
		}
	}
}

func splitLeases(leases []mail.Lease) (ids, tokens []int64) {
	ids, tokens = make([]int64, len(leases)), make([]int64, len(leases))
	for i, l := range leases {
		ids[i], tokens[i] = l.QueueID, l.Token
	}
	return ids, tokens
}

// duration turns seconds into a duration; what is too long is mail.Forever.
func duration(seconds float64) time.Duration {
	if seconds >= math.MaxInt64/float64(time.Second) {
		return mail.Forever
	}
	return time.Duration(seconds * float64(time.Second))
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
