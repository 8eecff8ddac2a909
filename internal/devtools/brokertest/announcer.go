package brokertest

import (
	"context"
	"time"

	"sespan/internal/mail"
)

// newAnnouncer is a small announcer: it publishes what is ready and, when nobody has
// claimed it for a second, again.
func newAnnouncer(r *rig, client mail.Broker) func(context.Context) {
	return func(ctx context.Context) {
		marks := map[int64]time.Time{}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			batch := readyRows(ctx, r, marks)
			for i, err := range client.Publish(ctx, batch) {
				if err != nil {
					delete(marks, batch[i].QueueID)
				}
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}
}

func readyRows(ctx context.Context, r *rig, marks map[int64]time.Time) (batch []mail.Announcement) {
	rows, err := r.db.Pool.Query(ctx, `SELECT q.queue_id, q.priority FROM sespan.mail_queue q
		WHERE (q.state = 'queued' OR q.state IN ('scheduled', 'retry') AND q.due_at <= now()) AND NOT EXISTS (SELECT FROM sespan.mail_pause p WHERE p.what = 'all')
		ORDER BY q.priority, q.queue_id LIMIT 5000`)
	if err != nil {
		return nil
	}
	defer rows.Close()
	now := time.Now()
	for rows.Next() {
		var id int64
		var priority int
		if rows.Scan(&id, &priority) != nil || now.Sub(marks[id]) < time.Second {
			continue
		}
		marks[id] = now
		batch = append(batch, mail.Announcement{Installation: r.site.Installation, QueueID: id, Lane: mail.LaneOf(priority), At: now.Truncate(time.Microsecond)})
	}
	return batch
}
