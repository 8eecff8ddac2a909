package transaction

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"sespan/internal/secret"
)

// seals is a SealStore in memory.
type seals map[time.Time][]byte

func (s seals) EpochsSealed(context.Context) ([]SealedEpoch, error) {
	var epochs []SealedEpoch
	for day, sealed := range s {
		epochs = append(epochs, SealedEpoch{Day: day, SealedSeed: sealed})
	}
	return epochs, nil
}

func (s seals) EpochReseal(_ context.Context, e SealedEpoch, sealed []byte) error {
	if bytes.Equal(s[e.Day], e.SealedSeed) {
		s[e.Day] = sealed
	}
	return nil
}

func TestSeedsOutliveTheKeyThatSealedThem(t *testing.T) {
	t.Parallel()
	ring := func(keys string) *secret.Ring {
		r, err := secret.Parse(keys)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, second := secret.Generate("1"), secret.Generate("2")
	before, both, after := ring(first), ring(second+","+first), ring(second)
	seed := make([]byte, seedBytes)
	_, _ = rand.Read(seed)
	store := seals{}
	for n := range 3 {
		day := time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC)
		store[day] = before.Seal(secret.LabelSeed, sealContext(day), seed)
	}
	missing, ok := errors.AsType[*MissingKeyError](NewSeals(store, after).Check(t.Context()))
	if !ok || missing.Key != "1" {
		t.Fatalf("without the key: %v", missing)
	}
	if n, err := NewSeals(store, after).Renew(t.Context()); n != 0 || err != nil {
		t.Errorf("without the key %d seeds were sealed anew, %v", n, err)
	}
	if n, err := NewSeals(store, both).Renew(t.Context()); n != 3 || err != nil {
		t.Errorf("%d seeds were sealed anew, %v", n, err)
	}
	if n, err := NewSeals(store, both).Renew(t.Context()); n != 0 || err != nil {
		t.Errorf("again %d, %v", n, err)
	}
	if err := NewSeals(store, after).Check(t.Context()); err != nil {
		t.Errorf("with the new key alone: %v", err)
	}
	for day, sealed := range store {
		if opened, err := after.Open(secret.LabelSeed, sealContext(day), sealed); err != nil || !bytes.Equal(opened, seed) {
			t.Errorf("the seed of %s is another, %v", day, err)
		}
	}
}
