package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

var _ mail.AnnounceStore = (*Mail)(nil)

// Mark commits that rows are announced.
func (s *Mail) Mark(ctx context.Context, o mail.MarkOptions) ([]mail.Marked, error) {
	p := &dbsqlc.MailAnnounceMarkParams{}
	for _, l := range o.Lanes {
		p.MaxUnclaimed = append(p.MaxUnclaimed, int32(l.Window)) //nolint:gosec // thousands
		p.Batches = append(p.Batches, int32(l.Batch))            //nolint:gosec // hundreds
		p.AgainAfter = append(p.AgainAfter, l.Again.Seconds())
		p.AgainBatches = append(p.AgainBatches, int32(l.Repeat)) //nolint:gosec // hundreds
		p.KnownHeads = append(p.KnownHeads, l.Head)
		p.Sweeps = append(p.Sweeps, l.Sweep)
	}
	rows, err := s.pool.queries.MailAnnounceMark(ctx, s.pool, p)
	out := make([]mail.Marked, len(rows))
	for i, r := range rows {
		out[i] = mail.Marked{
			Lane: laneNamed(r.Lane), Unclaimed: int(r.Unclaimed), Oldest: duration(r.Oldest), More: r.More,
			At: r.AnnouncedAt, Repeated: int(r.Repeated), QueueIDs: r.QueueIds, Head: r.Head, Unchanged: r.Unchanged,
		}
	}
	return out, mapError(err)
}

func laneNamed(name string) mail.Lane {
	for l := range mail.Lane(mail.Lanes) {
		if l.String() == name {
			return l
		}
	}
	return mail.LaneBulk // the function knows these three
}

// ClearMarks takes back these very marks.
func (s *Mail) ClearMarks(ctx context.Context, list []mail.Announcement) (cleared int, err error) {
	ids, at := make([]int64, len(list)), make([]time.Time, len(list))
	for i, a := range list {
		ids[i], at[i] = a.QueueID, a.At
	}
	n, err := s.pool.queries.MailAnnounceClear(ctx, s.pool, ids, at)
	return int(n), mapError(err)
}

// Unclaimed counts by lane what is announced and not claimed.
func (s *Mail) Unclaimed(ctx context.Context) (counts [mail.Lanes]int64, err error) {
	rows, err := s.pool.queries.MailUnclaimed(ctx, s.pool)
	for _, r := range rows {
		counts[laneNamed(r.Lane)] = r.Unclaimed
	}
	return counts, mapError(err)
}

// Fallback says what the database shows of the broker.
func (s *Mail) Fallback(ctx context.Context) (mail.Fallback, error) {
	r, err := s.pool.queries.MailFallback(ctx, s.pool)
	if err != nil {
		return mail.Fallback{}, mapError(err)
	}
	return mail.Fallback{Urgent: r.Urgent, Others: r.Others, Reason: r.Reason}, nil
}

// BrokerIdentity is the installation as a message broker knows it: its id, and what names
// begin with there. The first call stores the prefix ("": sespan); later ones answer what is stored.
func (p *Pool) BrokerIdentity(ctx context.Context, wantedPrefix string) (id uuid.UUID, prefix string, err error) {
	r, err := p.queries.InstallationBroker(ctx, p.Pool, wantedPrefix)
	if err != nil {
		return uuid.UUID{}, "", mapError(err)
	}
	return r.InstallationUuid, r.BrokerPrefix, nil
}
