package apilog_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sespan/internal/apilog"
	"sespan/internal/groupcommit"
	"sespan/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store keeps rows in memory; insert may be replaced to fail.
type store struct {
	mu     sync.Mutex
	insert func([]apilog.Entry) error
	rows   map[uuid.UUID]apilog.Entry
}

func (s *store) Insert(_ context.Context, entries []apilog.Entry) error {
	s.mu.Lock()
	fail := s.insert
	s.mu.Unlock()
	if fail != nil {
		if err := fail(entries); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.rows[e.ResponseID] = e
	}
	return nil
}

func (s *store) has(e apilog.Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.rows[e.ResponseID]
	return ok
}

type spool struct {
	mu      sync.Mutex
	entries []apilog.Entry
	err     error
}

func (s *spool) Spool(_ context.Context, e apilog.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, e)
	return s.err
}

type bench struct {
	*apilog.Logger
	store *store
	reg   *prometheus.Registry
}

func start(t *testing.T, insert func([]apilog.Entry) error, fallback apilog.Fallback, wait time.Duration) *bench {
	t.Helper()
	b := &bench{store: &store{insert: insert, rows: map[uuid.UUID]apilog.Entry{}}, reg: prometheus.NewRegistry()}
	b.Logger = apilog.New(b.store, apilog.Options{Logger: slog.New(slog.DiscardHandler), Registerer: b.reg, Fallback: fallback, Wait: wait})
	return b
}

func (b *bench) events(t *testing.T, event string) float64 {
	t.Helper()
	families, err := b.reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "sespan_apilog_events_total" && m.GetLabel()[0].GetValue() == event {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no event %q", event)
	return 0
}

func entry(details string) apilog.Entry {
	now := time.Now()
	return apilog.Entry{ResponseID: uuid.New(), Type: apilog.OTP, Status: 200, Outcome: apilog.Success, StatusDetails: details, Requested: now, Responded: now}
}

func TestWriteReturnsAfterTheCommit(t *testing.T) {
	t.Parallel()
	b := start(t, nil, nil, 0)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			e := entry("")
			assert.NoError(t, b.Write(t.Context(), e))
			assert.True(t, b.store.has(e), "Write returned before its row was there")
		})
	}
	wg.Wait()
	b.Close()
	assert.InDelta(t, 100, b.events(t, "written"), 0)
	require.ErrorIs(t, b.Write(t.Context(), entry("")), groupcommit.ErrClosed)
}

func TestOneBadRowHarmsNoNeighbour(t *testing.T) {
	t.Parallel()
	refusal := errors.New("check constraint")
	release, blocked := make(chan struct{}), make(chan struct{}, 2)
	gate := func(entries []apilog.Entry) error {
		if entries[0].StatusDetails == "gate" {
			blocked <- struct{}{}
			<-release // holds a flusher until the others wait as one batch
			return nil
		}
		for _, e := range entries {
			if e.StatusDetails == "bad" && e.RequestBody.String() != "[refused by the database]" || e.StatusDetails == "hopeless" {
				return refusal
			}
		}
		return nil
	}
	b := start(t, gate, nil, 0)
	entries := []apilog.Entry{entry("gate"), entry("gate")}
	var wg sync.WaitGroup
	results := make([]error, 50)
	write := func(i int, e apilog.Entry) { wg.Go(func() { results[i] = b.Write(t.Context(), e) }) }
	for i, e := range entries {
		write(i, e)
		<-blocked
	}
	for i := len(entries); i < len(results); i++ {
		details := ""
		switch i {
		case 11, 12, 40:
			details = "bad"
		case 20:
			details = "hopeless"
		}
		entries = append(entries, entry(details))
		write(i, entries[i])
	}
	close(release)
	wg.Wait()
	b.Close()
	for i, e := range entries {
		if e.StatusDetails == "hopeless" {
			require.ErrorIs(t, results[i], refusal)
			assert.False(t, b.store.has(e))
			continue
		}
		require.NoError(t, results[i], "row %d", i)
		assert.True(t, b.store.has(e), "row %d", i)
	}
	assert.InDelta(t, 4, b.events(t, "refused"), 0)
	assert.InDelta(t, 46, b.events(t, "written"), 0)
}

var errAway = problem.New(problem.Unavailable, "away")

func TestAShortAbsenceLosesNothing(t *testing.T) {
	t.Parallel()
	calls := 0
	var mu sync.Mutex
	b := start(t, func([]apilog.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls < 4 {
			return errAway
		}
		return nil
	}, nil, 0)
	e := entry("")
	require.NoError(t, b.Write(t.Context(), e))
	assert.True(t, b.store.has(e))
	b.Close()
	assert.InDelta(t, 0, b.events(t, "lost"), 0)
}

func TestALongAbsenceIsCountedAndSpooled(t *testing.T) {
	t.Parallel()
	sp := &spool{}
	b := start(t, func([]apilog.Entry) error { return errAway }, sp, 10*time.Millisecond)
	e := entry("")
	begun := time.Now()
	b.Record(t.Context(), e)
	assert.Less(t, time.Since(begun), 4*time.Second, "the answer waited for a database that is away")
	assert.InDelta(t, 1, b.events(t, "late"), 0)
	require.Len(t, sp.entries, 1)
	assert.Equal(t, e.ResponseID, sp.entries[0].ResponseID)
	b.Close() // gives up within seconds
	assert.InDelta(t, 1, b.events(t, "lost"), 0)

	sp.err = errors.New("disk full")
	b.Record(t.Context(), e) // closed
	assert.InDelta(t, 2, b.events(t, "lost"), 0)
	assert.InDelta(t, 1, b.events(t, "spooled"), 0)
	assert.InDelta(t, 1, b.events(t, "spool_failed"), 0)
}

func TestALateRowIsWrittenAllTheSame(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := start(t, func([]apilog.Entry) error { <-release; return nil }, nil, time.Millisecond)
	e := entry("")
	gone, cancel := context.WithCancel(t.Context())
	cancel() // a caller that hung up is logged too
	b.Record(gone, e)
	assert.False(t, b.store.has(e))
	close(release)
	b.Close()
	assert.True(t, b.store.has(e))
	assert.InDelta(t, 1, b.events(t, "late"), 0)
	assert.InDelta(t, 1, b.events(t, "written"), 0)
	assert.InDelta(t, 0, b.events(t, "lost"), 0)
}

func TestSampler(t *testing.T) {
	t.Parallel()
	s := apilog.Sampler{PerSecond: 2}
	at := time.Unix(1000, 0)
	var got []bool
	for _, d := range []time.Duration{0, 1, 2, time.Second, time.Second + 1, time.Second + 2} {
		got = append(got, s.Allow(at.Add(d)))
	}
	assert.Equal(t, []bool{true, true, false, true, true, false}, got)
	none := apilog.Sampler{}
	assert.False(t, none.Allow(at))
}
