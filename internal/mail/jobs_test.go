package mail

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestJobsGoByPriorityThenInTheOrderOfTheirClaims(t *testing.T) {
	t.Parallel()
	q := newJobQueue()
	add := func(priority int, ids ...int64) {
		for _, id := range ids {
			q.put([]Claimed{{Lease: Lease{QueueID: id}, Priority: priority}})
		}
	}
	add(9, 1, 2)
	add(5, 3)
	add(0, 4, 5)
	add(9, 6)
	for _, want := range []int64{4, 5, 3, 1} {
		if job, more := q.take(); !more || job.QueueID != want {
			t.Fatalf("%v, want %d", job, want)
		}
	}
	add(1, 7)
	if job, _ := q.take(); job.QueueID != 7 {
		t.Errorf("%d, want what came in between", job.QueueID)
	}
	if left := q.close(); len(left) != 2 || left[0].QueueID != 2 || left[1].QueueID != 6 {
		t.Errorf("left at the end: %v", left)
	}
	if _, more := q.take(); more {
		t.Error("a closed queue gives jobs")
	}
}

// slowSender takes a second for each mail.
func slowSender(context.Context, Envelope) (Receipt, error) {
	time.Sleep(time.Second)
	return Receipt{}, nil
}

func withPriority(p int) func(*Claimed) { return func(c *Claimed) { c.Priority = p } }

// finished counts the results of a priority; of those that were sent in time.
func finished(s *fakeStore, ids []int64) int {
	return inspect(s, func() (n int) {
		for _, id := range ids {
			if s.done[id].State == StateSent {
				n++
			}
		}
		return n
	})
}

// enqueue puts n mails of a priority and gives their ids.
func (s *fakeStore) enqueue(n, priority int, changes ...func(*Claimed)) []int64 {
	first := inspect(s, func() int64 { return int64(len(s.rows)+len(s.done)+1) * 1024 })
	s.put(n, func(c *Claimed) {
		for _, change := range append(changes, withPriority(priority)) {
			change(c)
		}
	})
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = first + int64(i)*1024
	}
	return ids
}

// A worker that has its share of bulk, some eight seconds of work, sends what is more
// urgent next all the same, though no insert can wake it.
func TestUrgentMailsPassWhatTheWorkerHolds(t *testing.T) {
	t.Parallel()
	for _, priority := range []int{0, 5, 8} {
		s := newFakeStore()
		runWorker(t, s, senderFunc(slowSender), nil, func(w *Worker, _ func()) {
			s.enqueue(1000, 9)
			time.Sleep(10 * time.Second)
			urgent := s.enqueue(2, priority)
			urgent = append(urgent, s.enqueue(2, priority, func(c *Claimed) { c.Fresh = false })...) // retries that are due
			time.Sleep(time.Second + 2*urgentEvery)                                                  // until a sender is free
			synctest.Wait()
			begun := inspect(s, func() (n int) {
				for _, id := range urgent {
					if r := s.rows[id]; r == nil || r.state == StateSending {
						n++
					}
				}
				return n
			})
			time.Sleep(time.Second)
			if sent := finished(s, urgent); begun != 4 || sent != 4 {
				t.Errorf("priority %d: of 4 mails %d were claimed in time, %d sent", priority, begun, sent)
			}
			if n := inspect(s, func() int { return leasedRows(s) }); n > 2*4*w.Connections+4 {
				t.Errorf("priority %d: %d rows are held", priority, n)
			}
		})
	}
}

// What waits behind a stream of urgent mails keeps its lease, however long, and is sent
// when the stream ends.
func TestBulkBehindUrgentMailsKeepsItsLease(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	runWorker(t, s, senderFunc(slowSender), nil, func(w *Worker, _ func()) {
		bulk := s.enqueue(200, 9)
		time.Sleep(10 * time.Second)
		before := finished(s, bulk)
		for end := time.Now().Add(2 * longestLease); time.Now().Before(end); time.Sleep(time.Second) {
			s.enqueue(w.Connections+1, 1)
		}
		if n := finished(s, bulk); n > before+2*w.Connections {
			t.Errorf("%d bulk mails went beside the urgent ones", n-before)
		}
		time.Sleep(time.Hour)
		if n := finished(s, bulk); n != 200 {
			t.Errorf("%d of 200 bulk mails are sent", n)
		}
		if n := testutil.ToFloat64(w.metrics.events.WithLabelValues(eventLapsed)); n != 0 {
			t.Errorf("%v leases lapsed", n)
		}
	})
}

// Urgent mails find room where the content of others fills the memory, and these do not
// take it for more of their own kind.
func TestUrgentMailsPassLargeOnes(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	runWorker(t, s, senderFunc(slowSender), nil, func(w *Worker, _ func()) {
		s.put(50, func(c *Claimed) { c.Size = 20 << 20 })
		time.Sleep(time.Second / 2)
		if held := inspect(s, func() int { return leasedRows(s) }); held > 4 {
			t.Errorf("%d mails of 20 MiB are held", held)
		}
		urgent := s.enqueue(4, 0)
		time.Sleep(2*time.Second + 2*urgentEvery)
		if n := finished(s, urgent); n != 4 {
			t.Errorf("%d of 4 urgent mails are sent", n)
		}
	})
}

// The end of a worker gives back what waits, of every priority.
func TestStopGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	s := newFakeStore()
	runWorker(t, s, senderFunc(slowSender), nil, func(_ *Worker, stop func()) {
		for p := Priorities - 1; p >= 0; p-- {
			s.enqueue(100, p)
			time.Sleep(2 * urgentEvery)
		}
		held := inspect(s, func() int { return leasedRows(s) })
		stop()
		sent, left := len(s.done), len(s.rows)
		if held < 100 || leasedRows(s) != 0 || sent+left != 1000 {
			t.Errorf("%d rows were held, %d are; %d sent, %d left", held, leasedRows(s), sent, left)
		}
	})
}

// A claim that is under way when the worker is told to stop is awaited: its rows are
// given back, and need not lapse.
func TestStopAwaitsTheClaimUnderWay(t *testing.T) {
	t.Parallel()
	for _, byBroker := range []bool{false, true} {
		s := newFakeStore()
		s.put(3, nil)
		s.claimTakes = time.Second
		check := func(stop func()) {
			time.Sleep(100 * time.Millisecond)
			stop()
			for id, r := range s.rows {
				if r.state == StateSending {
					t.Errorf("by a broker: %v: row %d stays leased", byBroker, id)
				}
			}
		}
		if byBroker {
			runConsumer(t, s, senderFunc(accept), nil, func(_ *Worker, b *fakeBroker, stop func()) {
				b.announce(LaneNormal, 1024, 2*1024, 3*1024)
				check(stop)
			})
			continue
		}
		runWorker(t, s, senderFunc(accept), nil, func(_ *Worker, stop func()) { check(stop) })
	}
}
