package transaction

import (
	"context"
	"errors"

	"sespan/internal/apilog"
	"sespan/internal/problem"
)

var (
	// ErrStaleEpoch says that the batch's epoch is not the database's day.
	ErrStaleEpoch = errors.New("transaction: the draw epoch is over")
	// ErrTryAgain says that the batch met a change it could not follow, such as the
	// first limit of a tier, and must be drawn again.
	ErrTryAgain = errors.New("transaction: the batch must be drawn again")
)

// Batch is what one transaction draws: different orders with their numbers.
type Batch struct {
	Epoch   *Epoch
	Version int
	Minor   Minor
	Draws   []Draw
}

// Draw is an order and its number in the batch's epoch.
type Draw struct {
	Order
	Number uint64
}

// DrawStore makes the draws of a batch in one transaction.
type DrawStore interface {
	// Draw gives answer the results in any order, Replay where the order had been
	// drawn before; orders of unknown customers have none. The log rows that
	// answer returns are committed with the draws. Errors: ErrStaleEpoch,
	// ErrTryAgain, problem.Unavailable, and others that may be one row's fault.
	// After an error nothing is committed, unless the connection broke on COMMIT.
	Draw(ctx context.Context, b Batch, answer func([]Result) []apilog.Entry) error
}

// maxAttempts bounds the restarts of a flush. In practice each cause occurs once:
// at midnight, and when an administrator saves a tier.
const maxAttempts = 4

func (s *Service) flush(callers context.Context, requests []request) ([]outcome, error) {
	outcomes, err := s.drawAll(callers, requests)
	switch {
	case err == nil:
		return outcomes, nil
	case len(requests) == 1 || problem.SlugOf(err) == problem.Unavailable:
		return nil, err
	}
	// An error that may be one row's fault: find it by halves. A half that fails
	// as a whole must not take the other one with it.
	half := len(requests) / 2
	outcomes = outcomes[:0]
	for _, part := range [][]request{requests[:half], requests[half:]} {
		outs, err := s.flush(callers, part)
		if err != nil {
			outs = make([]outcome, len(part))
			for i := range outs {
				outs[i].err = err
			}
		}
		outcomes = append(outcomes, outs...)
	}
	return outcomes, nil
}

// drawAll draws all requests or none, again when the day or a tier changed.
func (s *Service) drawAll(callers context.Context, requests []request) (outcomes []outcome, err error) {
	for range maxAttempts {
		ctx, cancel := context.WithTimeout(callers, s.timeout)
		outcomes, err = s.drawOnce(ctx, requests)
		cancel()
		if !errors.Is(err, ErrStaleEpoch) && !errors.Is(err, ErrTryAgain) {
			return outcomes, err
		}
	}
	return nil, problem.New(problem.Unavailable, "The draw epoch or the tiers change too fast.").WithCause(err)
}

func (s *Service) drawOnce(ctx context.Context, requests []request) ([]outcome, error) {
	epoch, err := s.epochs.today(ctx)
	if err != nil {
		return nil, err
	}
	var outcomes []outcome
	err = s.store.Draw(ctx, s.batch(epoch, requests), func(results []Result) []apilog.Entry {
		outcomes = outcomesOf(requests, results)
		return logEntries(requests, outcomes)
	})
	if errors.Is(err, ErrStaleEpoch) {
		s.epochs.invalidate(epoch)
	}
	if err != nil {
		return nil, err
	}
	for _, o := range outcomes {
		if o.err == nil && !o.result.Replay {
			s.metrics.count(o.result)
		}
	}
	return outcomes, nil
}

// batch keeps the first request of each order.
func (s *Service) batch(epoch *Epoch, requests []request) Batch {
	b := Batch{Epoch: epoch, Version: drawVersion, Minor: s.minor, Draws: make([]Draw, 0, len(requests))}
	seen := make(map[key]bool, len(requests))
	for _, r := range requests {
		if !seen[r.order.key()] {
			seen[r.order.key()] = true
			b.Draws = append(b.Draws, Draw{r.order, epoch.Number(r.order)})
		}
	}
	return b
}

// outcomesOf gives each request its outcome: of several for one order the first is
// the draw and the others are replays of it.
func outcomesOf(requests []request, results []Result) []outcome {
	byKey := make(map[key]Result, len(results))
	for _, r := range results {
		byKey[key{r.CustomerID, r.OrderRef}] = r
	}
	outcomes := make([]outcome, len(requests))
	for i, r := range requests {
		result, found := byKey[r.order.key()]
		switch {
		case !found:
			outcomes[i].err = problem.New(problem.UnknownCustomer, "There is no such customer.")
		case !result.Amount.Equal(r.order.Amount):
			outcomes[i].err = problem.New(problem.OrderConflict, "The order was drawn before with another amount; that draw stands.")
		default:
			outcomes[i].result = result
			result.Replay = true
			byKey[r.order.key()] = result
		}
	}
	return outcomes
}

func logEntries(requests []request, outcomes []outcome) []apilog.Entry {
	list := make([]apilog.Entry, 0, len(requests))
	for i, r := range requests {
		if r.log == nil || outcomes[i].err != nil || outcomes[i].result.Replay {
			continue
		}
		if entry, here := r.log(outcomes[i].result); here {
			list = append(list, entry)
		}
	}
	return list
}
