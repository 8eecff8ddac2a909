package mail

import (
	"context"
	"errors"
)

// publish gives a batch to the broker. What it does not confirm loses its mark: only if
// it is still this one, for another announcer may have made a later one.
func (a *Announcer) publish(ctx context.Context, l *announceLane, batch []Announcement) {
	bounded, cancel := context.WithTimeout(ctx, a.PublishTimeout)
	errs := a.Broker.Publish(bounded, batch)
	cancel()
	var refused []Announcement
	var cause error
	for i, announcement := range batch {
		err := errNoAnswer
		if i < len(errs) {
			err = errs[i]
		}
		a.metrics.results.WithLabelValues(l.lane.String(), announceResult(err)).Inc()
		if err != nil {
			refused, cause = append(refused, announcement), err
		}
	}
	if len(refused) > 0 {
		a.takeBack(ctx, refused)
	}
	now, confirmed := a.Now(), len(batch)-len(refused)
	if confirmed > 0 {
		a.metrics.confirmed.Set(float64(now.UnixNano()) / 1e9)
	}
	a.liveness.end(now, confirmed > 0)
	changed, freed := l.through(now, confirmed, len(refused), a.Jitter())
	switch {
	case changed && confirmed == 0:
		a.log.WarnContext(ctx, "mail: the broker takes no announcements; it is tried again and again", "lane", l.lane.String(), "err", cause)
	case changed:
		a.log.InfoContext(ctx, "mail: the broker takes announcements again", "lane", l.lane.String())
	}
	if !freed {
		return
	}
	select {
	case a.freed <- struct{}{}:
	default:
	}
}

// takeBack takes marks back. Where that fails the rows are announced again by their age.
func (a *Announcer) takeBack(ctx context.Context, list []Announcement) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if _, err := a.Store.ClearMarks(ctx, list); err != nil {
		a.log.WarnContext(ctx, "mail: marks of what the broker did not take stay, so it is announced again later", "err", err, "rows", len(list))
	}
}

var errNoAnswer = errors.New("mail: the broker's client gave no answer")

func announceResult(err error) string {
	switch {
	case err == nil:
		return resultConfirmed
	case errors.Is(err, ErrReturned):
		return resultReturned
	case errors.Is(err, ErrRefused):
		return resultRefused
	case errors.Is(err, context.DeadlineExceeded):
		return resultTimeout
	default:
		return resultFailed
	}
}
