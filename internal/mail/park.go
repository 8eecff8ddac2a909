package mail

import "context"

// park sets aside what a pause holds and gives the rest. What could not be parked
// keeps its lease and comes back when that lapses.
func (w *Worker) park(ctx context.Context, rows []Claimed) (rest []Claimed, err error) {
	var leases []Lease
	var pauses []string
	rest = rows[:0]
	for i := range rows {
		if rows[i].Parked == "" {
			rest = append(rest, rows[i])
			continue
		}
		leases = append(leases, rows[i].Lease)
		pauses = append(pauses, rows[i].Parked)
	}
	if len(leases) == 0 {
		return rest, nil
	}
	err = w.Store.Park(ctx, leases, pauses)
	if err == nil {
		w.metrics.events.WithLabelValues(eventParked).Add(float64(len(leases)))
	}
	return rest, err
}
