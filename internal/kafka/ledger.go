package kafka

import (
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

// ledger knows what this consumer has received: what waits to be handed over, urgent lane
// first; what was handed over and not acknowledged; and, of each partition, the longest
// acknowledged prefix, which is all that Kafka can be told.
type ledger struct {
	changed chan struct{} // filled when something may be handed over, or was acknowledged

	mu         sync.Mutex
	lanes      [mail.Lanes]laneBook
	partitions map[partitionID]*partition
}

type laneBook struct {
	waiting  []*entry
	unacked  int
	prefetch int  // most handed over and not acknowledged
	closed   bool // no room: nothing more is fetched nor handed over
}

type partitionID struct {
	topic string
	index int32
}

// partition is one from its assignment until it is given up. It may come again: as another.
type partition struct {
	id      partitionID
	pending []*entry // by offset; the first is not acknowledged
	commit  *entry   // up to it all is acknowledged, and Kafka was not told yet
	gone    bool
}

// entry is a record that was received.
type entry struct {
	of         *partition
	offset     int64
	epoch      int32
	delivery   mail.Delivery
	handedOver bool
	done       bool // acknowledged
}

func newLedger(prefetch int) *ledger {
	l := &ledger{changed: make(chan struct{}, 1), partitions: map[partitionID]*partition{}}
	for i := range l.lanes {
		l.lanes[i].prefetch = max(1, prefetch)
	}
	return l
}

// setRoom says how many deliveries of each lane may be unacknowledged.
func (l *ledger) setRoom(room [mail.Lanes]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, n := range room {
		if l.lanes[i].closed = n == 0; n > 0 {
			l.lanes[i].prefetch = n
		}
	}
	l.signal()
}

func (l *ledger) signal() {
	select {
	case l.changed <- struct{}{}:
	default: // one is waiting already
	}
}

// add takes a record in; with an announcement it waits to be handed over, without it
// waits for its acknowledgement alone.
func (l *ledger) add(record *kgo.Record, a *mail.Announcement) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := partitionID{record.Topic, record.Partition}
	p := l.partitions[id]
	if p == nil {
		p = &partition{id: id}
		l.partitions[id] = p
	}
	e := &entry{of: p, offset: record.Offset, epoch: record.LeaderEpoch}
	p.pending = append(p.pending, e)
	if a != nil {
		e.delivery = mail.Delivery{Announcement: *a, Tag: e}
		book := &l.lanes[a.Lane]
		book.waiting = append(book.waiting, e)
		l.signal()
	}
	return e
}

// reserve takes out what is to be handed over next; nil: nothing now.
func (l *ledger) reserve() *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.lanes {
		book := &l.lanes[i]
		if len(book.waiting) == 0 || book.closed || book.unacked >= book.prefetch {
			continue
		}
		e := book.waiting[0]
		book.waiting = book.waiting[1:]
		book.unacked++
		e.handedOver = true
		e.delivery.Received = time.Now() // by the consumer, which holds it for so long and no longer
		return e
	}
	return nil
}

// outrun tells whether an entry that was reserved is not what goes next any more.
func (l *ledger) outrun(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.of.gone {
		return true
	}
	for i := range e.delivery.Lane {
		if book := &l.lanes[i]; len(book.waiting) > 0 && !book.closed && book.unacked < book.prefetch {
			return true
		}
	}
	return false
}

// putBack undoes reserve.
func (l *ledger) putBack(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.of.gone { // giveUp has counted it off
		return
	}
	book := &l.lanes[e.delivery.Lane]
	book.unacked--
	e.handedOver = false
	book.waiting = slices.Insert(book.waiting, 0, e)
}

// acknowledge notes that entries are done with. Those of partitions that were given up are
// left: they come again, to whoever has the partition.
func (l *ledger) acknowledge(entries ...*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if e.done || e.of.gone {
			continue
		}
		e.done = true
		if e.handedOver {
			l.lanes[e.delivery.Lane].unacked--
		}
		p := e.of
		for len(p.pending) > 0 && p.pending[0].done {
			p.commit, p.pending = p.pending[0], p.pending[1:]
		}
	}
	l.signal()
}

// giveUpAll forgets all partitions.
func (l *ledger) giveUpAll() { l.giveUpWhere(func(partitionID) bool { return true }) }

// giveUp forgets those that go to others.
func (l *ledger) giveUp(lost map[string][]int32) {
	l.giveUpWhere(func(id partitionID) bool { return slices.Contains(lost[id.topic], id.index) })
}

func (l *ledger) giveUpWhere(goes func(partitionID) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.partitions {
		if !goes(id) {
			continue
		}
		p.gone = true
		delete(l.partitions, id)
		for _, e := range p.pending {
			if e.handedOver && !e.done {
				l.lanes[e.delivery.Lane].unacked--
			}
		}
	}
	for i := range l.lanes {
		l.lanes[i].waiting = slices.DeleteFunc(l.lanes[i].waiting, func(e *entry) bool { return e.of.gone })
	}
	l.signal()
}

// full tells whether a lane has enough: more is not fetched.
func (l *ledger) full(lane mail.Lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	book := &l.lanes[lane]
	return book.closed || len(book.waiting)+book.unacked >= book.prefetch
}

// commits are the ends of the prefixes that Kafka was not told yet.
func (l *ledger) commits() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ends []*entry
	for _, p := range l.partitions {
		if p.commit != nil {
			ends = append(ends, p.commit)
		}
	}
	return ends
}

// committed notes that Kafka was told.
func (l *ledger) committed(ends []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range ends {
		if e.of.commit == e {
			e.of.commit = nil
		}
	}
}
