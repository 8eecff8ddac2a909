package mail

import (
	"context"
	"time"
)

// Store is all that a Worker needs of the database.
type Store interface {
	Queue
	LeaseKeeper
	Doorbell
	Maintenance
	Presence
}

// Queue hands out leases and takes back results.
type Queue interface {
	// Claim leases ready rows; the order is not that of sending.
	Claim(ctx context.Context, c Claim) ([]Claimed, error)
	// MarkSending notes that sending may begin and answers the ids still leased.
	MarkSending(ctx context.Context, leases []Lease) ([]int64, error)
	// Settle writes results and answers the ids that the fence let through.
	Settle(ctx context.Context, results []Result) ([]int64, error)
	// Release gives rows back unsent and notifies.
	Release(ctx context.Context, leases []Lease) error
	// Park puts rows aside until the pause of each ends.
	Park(ctx context.Context, leases []Lease, pauses []string) error
}

// AnnouncedQueue is what a worker with a broker needs beside.
type AnnouncedQueue interface {
	// ClaimAnnounced leases those of the named rows that are ready; left are the ready ones
	// that it did not take.
	ClaimAnnounced(ctx context.Context, c AnnouncedClaim) (claimed []Claimed, left []int64, err error)
	// ClearMarks takes back these very marks, a later one of the same row stays.
	ClearMarks(ctx context.Context, list []Announcement) (cleared int, err error)
	// Fallback says whether rows wait that no broker brings.
	Fallback(ctx context.Context) (Fallback, error)
}

// LeaseKeeper keeps leases alive and takes back those of workers that vanished.
type LeaseKeeper interface {
	// RenewLeases renews leases and answers the ids still leased.
	RenewLeases(ctx context.Context, leases []Lease, d time.Duration) ([]int64, error)
	// Reclaim answers the number of rows that can be sent again, and of those
	// that now wait for a person because they may have been sent.
	Reclaim(ctx context.Context, limit int) (retried, unknown int, err error)
}

// Doorbell switches the notifications of inserts, and gives one itself.
type Doorbell interface {
	// SuppressNotify makes inserts silent for d.
	SuppressNotify(ctx context.Context, d time.Duration) error
	// AllowNotify makes inserts notify, then counts the transactions that may not have
	// noticed; on is false when notifications are switched off.
	AllowNotify(ctx context.Context) (inserters int, on bool, err error)
	// OpenInserters counts them again.
	OpenInserters(ctx context.Context) (int, error)
	// Notify wakes the other workers.
	Notify(ctx context.Context) error
}

// Maintenance looks after the queue as a whole.
type Maintenance interface {
	// NextDue is the time until a scheduled row or a retry is due, Forever for none.
	NextDue(ctx context.Context) (time.Duration, error)
	Depth(ctx context.Context) (Depth, error)
	// Unpark lets go a portion of the mails whose pause is over; false: there is more.
	Unpark(ctx context.Context) (done bool, err error)
	// Cleanup wipes bodies whose time has come and forgets old idempotency keys.
	Cleanup(ctx context.Context) error
}

// Presence is where workers can be seen.
type Presence interface {
	// Heartbeat shows that the worker lives, and answers how many senders do.
	Heartbeat(ctx context.Context, h Heartbeat) (senders int, err error)
	Deregister(ctx context.Context, worker int64) error
}

// Heartbeat is a worker's or an announcer's sign of life.
type Heartbeat struct {
	Worker            int64
	Connections       int
	NotificationsWork bool
	Dispatch          string             // postgres, amqp, kafka ["postgres"]
	Announcer         *AnnouncerLiveness // nil: a sender
}

// AnnouncerLiveness says whether a broker takes announcements.
type AnnouncerLiveness struct {
	Confirmed *time.Duration // since the last confirmation; nil: none yet
	Waiting   *time.Duration // since there has been something to announce without one; nil: there is nothing
}
