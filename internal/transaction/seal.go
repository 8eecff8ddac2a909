package transaction

import (
	"context"
	"errors"

	"sespan/internal/secret"
)

// SealStore keeps the seals of the seeds that are not published.
type SealStore interface {
	// EpochsSealed gives the epochs whose seed is not published, oldest first.
	EpochsSealed(ctx context.Context) ([]SealedEpoch, error)
	// EpochReseal puts another seal around the same seed, where it is still sealed as e says.
	EpochReseal(ctx context.Context, e SealedEpoch, sealed []byte) error
}

// Seals keeps seeds within reach of the key ring: each is needed until it is published,
// by draws of its day and for their proof.
type Seals struct {
	store SealStore
	ring  *secret.Ring
}

// NewSeals makes it.
func NewSeals(store SealStore, ring *secret.Ring) *Seals { return &Seals{store, ring} }

// Renew puts the seeds that an older key seals under the one in front, so that the older
// one may go, and tells how many. A seed that no key opens stays: Check names it. Any
// number of processes may call it at once.
func (s *Seals) Renew(ctx context.Context) (int, error) {
	epochs, err := s.store.EpochsSealed(ctx)
	if err != nil {
		return 0, err
	}
	renewed := 0
	for _, e := range epochs {
		if secret.SealedBy(e.SealedSeed) == s.ring.Current() {
			continue
		}
		seed, err := s.ring.Open(secret.LabelSeed, sealContext(e.Day), e.SealedSeed)
		if err != nil {
			continue
		}
		if err := s.store.EpochReseal(ctx, e, s.ring.Seal(secret.LabelSeed, sealContext(e.Day), seed)); err != nil {
			return renewed, err
		}
		renewed++
	}
	return renewed, nil
}

// Check gives a MissingKeyError for the first seed whose key is not in the ring.
func (s *Seals) Check(ctx context.Context) error {
	epochs, err := s.store.EpochsSealed(ctx)
	if err != nil {
		return err
	}
	for _, e := range epochs {
		if _, err := s.ring.Open(secret.LabelSeed, sealContext(e.Day), e.SealedSeed); errors.Is(err, secret.ErrUnknownKey) {
			return &MissingKeyError{Key: secret.SealedBy(e.SealedSeed), Day: e.Day.Format(dayLayout)}
		}
	}
	return nil
}

// MissingKeyError says which key of SESPAN_SECRET_KEYS seals a seed and is not there.
type MissingKeyError struct{ Key, Day string }

func (e *MissingKeyError) Error() string {
	return "lacks the key " + e.Key + ", which seals the seed of the draws of " + e.Day
}
