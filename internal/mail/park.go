package mail

import "context"

// parkPaused parks the mails that a pause concerns and answers the others. What could
// not be parked keeps its lease and comes back when that lapses.
func (w *Worker) parkPaused(ctx context.Context, rows []Claimed) (others []Claimed, err error) {
	var leases []Lease
	var pauses []string
	others = rows[:0]
	for i := range rows {
		if rows[i].PausedBy == "" {
			others = append(others, rows[i])
			continue
		}
		leases = append(leases, rows[i].Lease)
		pauses = append(pauses, rows[i].PausedBy)
	}
	if len(leases) == 0 {
		return others, nil
	}
	err = w.Store.Park(ctx, leases, pauses)
	if err == nil {
		w.metrics.events.WithLabelValues(eventParked).Add(float64(len(leases)))
	}
	return others, err
}

// unpark lets the mails go whose pause is over.
func (w *Worker) unpark(ctx context.Context) error {
	for {
		if done, err := w.Store.Unpark(ctx); done || err != nil {
			return err
		}
	}
}
