package postgres

import (
	"context"
	"os"
	"strconv"

	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// Heartbeat renews the worker's row.
func (s *Mail) Heartbeat(ctx context.Context, h mail.Heartbeat) error {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return mapError(s.pool.queries.MailHeartbeat(ctx, s.pool, &dbsqlc.MailHeartbeatParams{
		WorkerID: h.Worker, Connections: int32(h.Connections), Listening: h.NotificationsWork, //nolint:gosec // tens
		Host: name + ":" + strconv.Itoa(os.Getpid()),
	}))
}

// Deregister deletes the worker's row.
func (s *Mail) Deregister(ctx context.Context, worker int64) error {
	return mapError(s.pool.queries.MailDeregister(ctx, s.pool, worker))
}
