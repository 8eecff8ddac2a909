package transaction

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"sespan/internal/apilog"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake keeps draws in memory; before each draw it asks interfere.
type fake struct {
	mu        sync.Mutex
	day       time.Time
	epochs    map[time.Time]SealedEpoch
	rows      map[key]Result
	logged    []apilog.Entry
	batches   []int
	interfere func(Batch) error
}

func newFake() *fake {
	return &fake{
		day: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), epochs: map[time.Time]SealedEpoch{}, rows: map[key]Result{},
		interfere: func(Batch) error { return nil },
	}
}

func (f *fake) EpochToday(context.Context) (SealedEpoch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.epochs[f.day]
	if !ok {
		return e, ErrNoEpoch
	}
	return e, nil
}

func (f *fake) EpochsMissing(_ context.Context, days int) ([]time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var missing []time.Time
	for i := range days + 1 {
		if day := f.day.AddDate(0, 0, i); f.epochs[day].SealedSeed == nil {
			missing = append(missing, day)
		}
	}
	return missing, nil
}

func (f *fake) EpochsInsert(_ context.Context, epochs []SealedEpoch) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range epochs {
		f.epochs[e.Day] = e
	}
	return len(epochs), nil
}

func (f *fake) Draw(_ context.Context, b Batch, answer func([]Result) []apilog.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.interfere(b); err != nil {
		return err
	}
	if !b.Epoch.Day.Equal(f.day) {
		return ErrStaleEpoch
	}
	f.batches = append(f.batches, len(b.Draws))
	var results []Result
	for _, d := range b.Draws {
		r, before := f.rows[d.key()]
		if !before {
			r = Result{
				TransactionID: int64(len(f.rows) + 1), CustomerID: d.CustomerID, OrderRef: d.OrderRef, Amount: d.Amount,
				DiscountedAmount: d.Amount, Time: f.day,
			}
			f.rows[d.key()] = r
		}
		r.Replay = before
		if d.CustomerID != 404 {
			results = append(results, r)
		}
	}
	f.logged = append(f.logged, answer(results)...)
	return nil
}

func service(t *testing.T, f *fake, c Config) (*Service, *prometheus.Registry) {
	t.Helper()
	ring, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	c.Store, c.Epochs, c.Registerer, c.Minor = f, NewEpochs(f, ring, rand.Reader), reg, 2
	s := NewService(c)
	t.Cleanup(s.Close)
	return s, reg
}

func order(ref, amount string) Order { return Order{CustomerID: 1, OrderRef: ref, Amount: dec(amount)} }

func TestSameOrderInOneBatch(t *testing.T) {
	t.Parallel()
	f := newFake()
	s, reg := service(t, f, Config{})
	entry := func(r Result) (apilog.Entry, bool) {
		return apilog.Entry{Status: map[bool]int{false: 201, true: 200}[r.Replay]}, true
	}
	outs, err := s.flush(t.Context(), []request{
		{order("A", "10"), entry},
		{order("A", "10.00"), entry},
		{order("A", "11"), entry},
		{order("B", "5"), nil},
		{Order{CustomerID: 404, OrderRef: "C", Amount: dec("1")}, entry},
	})
	if err != nil {
		t.Fatal(err)
	}
	if outs[0].result.Replay || !outs[1].result.Replay || outs[1].result.TransactionID != outs[0].result.TransactionID {
		t.Errorf("the second call is not a replay of the first: %+v", outs[:2])
	}
	if problem.SlugOf(outs[2].err) != problem.OrderConflict || problem.SlugOf(outs[4].err) != problem.UnknownCustomer || outs[3].err != nil {
		t.Errorf("errors: %v, %v, %v", outs[2].err, outs[4].err, outs[3].err)
	}
	if len(f.logged) != 1 || f.logged[0].Status != 201 {
		t.Errorf("logged %v, want the 201 of the draw: a replay is logged like any other call", f.logged)
	}
	want := "# HELP sespan_transactions_total Orders drawn for the first time, by tier (none: no tier matched).\n# TYPE sespan_transactions_total counter\n" +
		"sespan_transactions_total{discounted=\"false\",tier=\"none\"} 2\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestStaleEpochIsDrawnAgainWithTheNewSeed(t *testing.T) {
	t.Parallel()
	f := newFake()
	s, _ := service(t, f, Config{})
	if _, err := s.Draw(t.Context(), order("A", "1"), nil); err != nil {
		t.Fatal(err)
	}
	var days []string
	f.interfere = func(b Batch) error {
		days = append(days, b.Epoch.Day.Format(time.DateOnly))
		if len(days) == 1 { // midnight strikes between the numbers and the statement
			f.day = f.day.AddDate(0, 0, 1)
		}
		return nil
	}
	if _, err := s.Draw(t.Context(), order("B", "1"), nil); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(days) != "[2026-11-22 2026-11-23]" {
		t.Errorf("drawn with the epochs %v", days)
	}
}

func TestEndlessChangesEndInUnavailable(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.interfere = func(Batch) error { return ErrTryAgain }
	s, _ := service(t, f, Config{})
	if _, err := s.Draw(t.Context(), order("A", "1"), nil); problem.SlugOf(err) != problem.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestOneBadRowFailsAlone(t *testing.T) {
	t.Parallel()
	f, bad := newFake(), errors.New("invalid byte sequence")
	f.interfere = func(b Batch) error {
		for _, d := range b.Draws {
			if d.OrderRef == "bad" {
				return bad
			}
		}
		return nil
	}
	s, _ := service(t, f, Config{})
	var requests []request
	for _, ref := range []string{"A", "B", "C", "bad", "D"} {
		requests = append(requests, request{order: order(ref, "1")})
	}
	outs, err := s.flush(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outs {
		if want := requests[i].order.OrderRef == "bad"; errors.Is(o.err, bad) != want {
			t.Errorf("%s: %v", requests[i].order.OrderRef, o.err)
		}
	}
	if len(f.rows) != 4 {
		t.Errorf("%d rows, want 4", len(f.rows))
	}
}

func TestUnavailableIsNotBisected(t *testing.T) {
	t.Parallel()
	f, calls := newFake(), 0
	f.interfere = func(Batch) error { calls++; return problem.New(problem.Unavailable, "down") }
	s, _ := service(t, f, Config{})
	if _, err := s.flush(t.Context(), []request{{order: order("A", "1")}, {order: order("B", "1")}}); problem.SlugOf(err) != problem.Unavailable {
		t.Errorf("got %v", err)
	}
	if calls != 1 {
		t.Errorf("%d calls to a database that is down", calls)
	}
}

func TestHangingUpDoesNotUndo(t *testing.T) {
	t.Parallel()
	f := newFake()
	entered, release := make(chan struct{}), make(chan struct{})
	f.interfere = func(Batch) error { close(entered); <-release; return nil }
	s, _ := service(t, f, Config{})
	ctx, hangUp := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := s.Draw(ctx, order("A", "1"), nil); done <- err }()
	<-entered
	hangUp()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	close(release)
	s.Close()
	if len(f.rows) != 1 {
		t.Error("the draw was lost")
	}
	if _, err := s.Draw(t.Context(), order("B", "1"), nil); problem.SlugOf(err) != problem.Unavailable {
		t.Errorf("after Close: %v", err)
	}
}

func TestSeedSealedWithALostKey(t *testing.T) {
	t.Parallel()
	f := newFake()
	old, _ := secret.Parse(secret.Generate("old"))
	if n, err := NewEpochs(f, old, rand.Reader).Ensure(t.Context()); err != nil || n != EpochsAhead+1 {
		t.Fatalf("made %d: %v", n, err)
	}
	s, _ := service(t, f, Config{}) // has another key
	_, err := s.Draw(t.Context(), order("A", "1"), nil)
	if problem.SlugOf(err) != problem.Unavailable || !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
}

func TestSeedThatDoesNotMatchItsHash(t *testing.T) {
	t.Parallel()
	f := newFake()
	ring, _ := secret.Parse(secret.Generate("a"))
	epochs := NewEpochs(f, ring, rand.Reader)
	if _, err := epochs.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := f.epochs[f.day]
	e.SeedHash[0] ^= 1
	f.epochs[f.day] = e
	if _, err := epochs.today(t.Context()); err == nil || !strings.Contains(err.Error(), "does not match its hash") {
		t.Errorf("got %v", err)
	}
	if n, err := epochs.Ensure(t.Context()); n != 0 || err != nil {
		t.Errorf("a second Ensure made %d: %v", n, err)
	}
}
