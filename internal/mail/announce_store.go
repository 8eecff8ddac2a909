package mail

import (
	"context"
	"time"
)

// AnnounceStore is all that an Announcer needs of the database.
type AnnounceStore interface {
	Marks
	Doorbell
	Presence
	// NextDue is the time until a scheduled row or a retry is due, Forever for none.
	NextDue(ctx context.Context) (time.Duration, error)
}

// Marks are the announcements as the rows know them.
type Marks interface {
	// Mark commits that rows are announced, and answers which, for each lane that has a
	// Batch; nothing during a pause of all mails.
	Mark(ctx context.Context, o MarkOptions) ([]Marked, error)
	// ClearMarks takes back these very marks, a later one of the same row stays.
	ClearMarks(ctx context.Context, list []Announcement) (cleared int, err error)
}

// MarkOptions say how much may be marked.
type MarkOptions struct {
	Lanes [Lanes]LaneLimit
}

// LaneLimit is the share of one lane.
type LaneLimit struct {
	Window int           // most rows that are announced and not claimed
	Batch  int           // most rows to mark now; 0: leave the lane alone; 1: a trial
	Again  time.Duration // what is unclaimed for longer may be announced again
	Repeat int           // and at most so many of these
	Sweep  bool          // look for rows that were committed late as well, see sespan.mail_announce
	Head   string        // while a window that was full begins like this, nothing is counted; "" counts
}

// Marked is what a look at one lane brought.
type Marked struct {
	Lane      Lane
	Unclaimed int           // after it
	Oldest    time.Duration // age of the oldest announcement that was unclaimed before it
	More      bool          // the batch was used up: there may be more
	At        time.Time     // the mark
	Repeated  int           // rows that were announced before
	QueueIDs  []int64       // the most urgent first
	Head      string        // where a full window begins
	Unchanged bool          // it begins as it did: nothing else is known
}
