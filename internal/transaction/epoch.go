package transaction

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"sespan/internal/problem"
	"sespan/internal/secret"
)

// EpochsAhead is how many days beyond today have their seed.
const EpochsAhead = 7

// SealedEpoch is an epoch as the database keeps it. The seed is sealed, so that
// neither who may read the table nor who finds a backup can foretell draws.
type SealedEpoch struct {
	Day        time.Time // midnight UTC
	SealedSeed []byte
	SeedHash   [sha256.Size]byte
}

// ErrNoEpoch says that today has no seed yet.
var ErrNoEpoch = errors.New("transaction: today's draw epoch has not been made")

// EpochStore keeps the epochs; its clock alone says which day it is.
type EpochStore interface {
	EpochToday(ctx context.Context) (SealedEpoch, error) // ErrNoEpoch
	// EpochsMissing gives the days from today to today+days without a seed.
	EpochsMissing(ctx context.Context, days int) ([]time.Time, error)
	// EpochsInsert keeps what another process has inserted before, and tells how many were new.
	EpochsInsert(ctx context.Context, epochs []SealedEpoch) (int, error)
}

// Epochs makes the seeds ahead and holds today's.
type Epochs struct {
	store   EpochStore
	ring    *secret.Ring
	random  io.Reader
	current atomic.Pointer[Epoch]
}

// NewEpochs makes an Epochs; random is crypto/rand.Reader.
func NewEpochs(store EpochStore, ring *secret.Ring, random io.Reader) *Epochs {
	return &Epochs{store: store, ring: ring, random: random}
}

// Ensure makes the missing seeds of today and the EpochsAhead days after, and
// tells how many it made. Any number of processes may call it at once.
func (e *Epochs) Ensure(ctx context.Context) (int, error) {
	days, err := e.store.EpochsMissing(ctx, EpochsAhead)
	if err != nil || len(days) == 0 {
		return 0, err
	}
	epochs := make([]SealedEpoch, 0, len(days))
	for _, day := range days {
		var seed [seedBytes]byte
		if _, err := io.ReadFull(e.random, seed[:]); err != nil {
			return 0, fmt.Errorf("random source: %w", err)
		}
		epochs = append(epochs, SealedEpoch{
			Day: day, SealedSeed: e.ring.Seal(secret.LabelSeed, sealContext(day), seed[:]), SeedHash: sha256.Sum256(seed[:]),
		})
	}
	return e.store.EpochsInsert(ctx, epochs)
}

// today gives the cached epoch, which the store refuses when it is over.
func (e *Epochs) today(ctx context.Context) (*Epoch, error) {
	if epoch := e.current.Load(); epoch != nil {
		return epoch, nil
	}
	sealed, err := e.store.EpochToday(ctx)
	if errors.Is(err, ErrNoEpoch) { // nobody ran the maintenance for a week, or for the first time
		if _, err = e.Ensure(ctx); err == nil {
			sealed, err = e.store.EpochToday(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	epoch, err := e.open(sealed)
	if err != nil {
		return nil, err
	}
	e.current.Store(epoch)
	return epoch, nil
}

// Check tells whether today's seed can be opened: it cannot with other keys than
// those that sealed it. A seed that is still to be made is no fault.
func (e *Epochs) Check(ctx context.Context) error {
	sealed, err := e.store.EpochToday(ctx)
	if err == nil {
		_, err = e.open(sealed)
	}
	if errors.Is(err, ErrNoEpoch) {
		return nil
	}
	return err
}

func (e *Epochs) open(sealed SealedEpoch) (*Epoch, error) {
	seed, err := e.ring.Open(secret.LabelSeed, sealContext(sealed.Day), sealed.SealedSeed)
	if err != nil {
		return nil, problem.New(problem.Unavailable, "The seed of today's draws cannot be opened; put the key back that SESPAN_SECRET_KEYS had when it was made.").
			WithRetryAfter(time.Minute).WithCause(fmt.Errorf("draw epoch %s: %w", sealed.Day.Format(dayLayout), err))
	}
	epoch := &Epoch{Day: sealed.Day}
	if copy(epoch.Seed[:], seed) != seedBytes || sha256.Sum256(seed) != sealed.SeedHash {
		return nil, fmt.Errorf("draw epoch %s: the seed does not match its hash", sealed.Day.Format(dayLayout))
	}
	return epoch, nil
}

// invalidate drops an epoch that the store has refused.
func (e *Epochs) invalidate(epoch *Epoch) { e.current.CompareAndSwap(epoch, nil) }

func sealContext(day time.Time) string { return "draw_epoch " + day.Format(dayLayout) }
