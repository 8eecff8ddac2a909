package groupcommit

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatchGrowsWhileAFlushRuns(t *testing.T) {
	t.Parallel()
	started, release := make(chan int, 10), make(chan struct{})
	c := New(func(_ context.Context, items []int) ([]int, error) {
		started <- len(items)
		<-release
		return items, nil
	}, 1, 100, 1000)
	var wg sync.WaitGroup
	call := func(i int) {
		wg.Go(func() {
			if got, err := c.Do(context.Background(), i); err != nil || got != i {
				t.Errorf("got %d, %v, want %d", got, err, i)
			}
		})
	}
	call(0)
	if n := <-started; n != 1 {
		t.Fatalf("a lone call waited for others: batch of %d", n)
	}
	for i := 1; i <= 20; i++ {
		call(i)
	}
	waitFor(c, 20)
	release <- struct{}{}
	if n := <-started; n != 20 {
		t.Fatalf("second batch of %d, want 20", n)
	}
	close(release)
	wg.Wait()
	c.Close()
}

// waitFor returns when n calls are pending.
func waitFor[T, R any](c *Committer[T, R], n int) {
	for {
		c.mu.Lock()
		got := len(c.pending)
		c.mu.Unlock()
		if got == n {
			return
		}
	}
}

func TestErrorsReachEveryCallAndLaterBatchesGoOn(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	c := New(func(_ context.Context, items []int) ([]int, error) {
		if items[0] < 0 {
			return nil, boom
		}
		return items, nil
	}, 2, 1, 10)
	defer c.Close()
	if _, err := c.Do(context.Background(), -1); !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	if got, err := c.Do(context.Background(), 7); err != nil || got != 7 {
		t.Fatalf("got %d, %v", got, err)
	}
}

func TestFullClosedAndCancelled(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}, 9), make(chan struct{})
	c := New(func(_ context.Context, items []int) ([]int, error) {
		started <- struct{}{}
		<-release
		return items, nil
	}, 1, 1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error, 2)
	go func() { _, err := c.Do(ctx, 1); errs <- err }()
	<-started
	go func() { _, err := c.Do(ctx, 2); errs <- err }()
	waitFor(c, 1)
	if _, err := c.Do(ctx, 3); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want Canceled", err)
		}
	}
	close(release)
	c.Close()
	if len(started) != 1 {
		t.Fatal("Close did not flush what waited")
	}
	if _, err := c.Do(context.Background(), 4); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}
