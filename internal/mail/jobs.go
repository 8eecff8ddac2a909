package mail

import "sync"

// jobQueue has the claimed mails that no sender has taken yet. The more urgent go first,
// whenever they were claimed; those of one priority in the order of their claims.
type jobQueue struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting [Priorities][]*Claimed
	closed  bool
}

func newJobQueue() *jobQueue {
	q := &jobQueue{}
	q.changed.L = &q.mu
	return q
}

// put adds claimed rows.
func (q *jobQueue) put(rows []Claimed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range rows {
		q.waiting[rows[i].Priority] = append(q.waiting[rows[i].Priority], &rows[i])
	}
	q.changed.Broadcast()
}

// take waits for the most urgent mail; false: the queue is closed.
func (q *jobQueue) take() (*Claimed, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; !q.closed; q.changed.Wait() {
		for p, list := range q.waiting {
			if len(list) > 0 {
				first := list[0]
				list[0], q.waiting[p] = nil, list[1:] // the array lives on, the mail does not
				return first, true
			}
		}
	}
	return nil, false
}

// close ends the senders and answers what they have not taken.
func (q *jobQueue) close() (left []*Claimed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for p := range q.waiting {
		left = append(left, q.waiting[p]...)
		q.waiting[p] = nil
	}
	q.closed = true
	q.changed.Broadcast()
	return left
}
