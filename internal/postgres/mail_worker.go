package postgres

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// Heartbeat renews the row of a worker or announcer and gives the number of senders that
// live; an announcer is none.
func (s *Mail) Heartbeat(ctx context.Context, h mail.Heartbeat) (senders int, err error) {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	p := &dbsqlc.MailHeartbeatParams{
		WorkerID: h.Worker, Connections: int32(h.Connections), Listening: h.NotificationsWork, //nolint:gosec // tens
		Host: name + ":" + strconv.Itoa(os.Getpid()), Kind: "sender", Dispatch: cmp.Or(h.Dispatch, "postgres"),
	}
	if a := h.Announcer; a != nil {
		p.Kind, p.ConfirmedAgo, p.WaitingFor = "announcer", seconds(a.Confirmed), seconds(a.Waiting)
	}
	n, err := s.pool.queries.MailHeartbeat(ctx, s.pool, p)
	return int(n), mapError(err)
}

func seconds(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}

// Deregister deletes the worker's row.
func (s *Mail) Deregister(ctx context.Context, worker int64) error {
	return mapError(s.pool.queries.MailDeregister(ctx, s.pool, worker))
}
