package brokertest

import (
	"testing"
	"time"
)

// Switch moves a site from one way of dispatch to the other and back while mails flow,
// process by process: no mail is lost, none is sent twice. What lies at the broker that
// was left is dropped as soon as somebody consumes from it again.
func Switch(t *testing.T, from, to Backend) {
	t.Helper()
	r := newRig(t, from)
	r.sink.latency = time.Millisecond
	r.again = time.Second // what was left at a broker is announced to the other one soon
	begin := func(b Backend) (stop func()) {
		r.backend = b
		stopAnnouncer, stopWorker := r.announcer(), r.worker(nil)
		return func() { stopWorker(); stopAnnouncer() }
	}
	flow := func() {
		for _, priority := range []int{1, 5, 9} {
			r.enqueue(60, priority)
		}
	}
	flow()
	stopFrom := begin(from)
	flow()
	stopTo := begin(to)
	flow()
	stopFrom()
	flow()
	r.allSent()
	flow()
	begin(from)
	flow()
	stopTo()
	flow()
	r.allSent()
}
