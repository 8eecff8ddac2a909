package mail

import "time"

const (
	perSender   = 1           // deliveries of a lane at the beginning
	roomlessFor = time.Second // without room for so long nothing more is to be delivered
)

// laneRoom is how much of a lane the broker may bring: about what is claimed and sent of
// it in a second. What a slow relay cannot take would be held for two seconds, given up
// and announced again.
type laneRoom struct {
	most     int
	fitting  int // deliveries, at the present rates
	told     int // what the broker knows; 0: nothing comes
	pace     pace
	roomless time.Time // since when there has been no room; zero: there is some
}

// roomState is how the worker stands.
type roomState struct {
	open    bool    // the lane has room
	stopped bool    // nothing is to come at all
	holding bool    // there are deliveries, of any lane
	sent    float64 // mails a second; 0 is not known yet
}

// adapt takes in how the worker stands, and reports whether the broker is to be told. More
// is asked for as soon as it is needed, less only when something was given up: each
// change costs a few round trips.
func (l *laneRoom) adapt(now time.Time, s roomState) (changed bool) {
	l.pace.note(0, now) // what is claimed at once, into an empty worker, is not sent at once
	l.fitting = min(max(int(min(l.pace.rate, s.sent)), 1), l.most)
	before := l.told
	switch {
	case s.stopped:
		l.told = 0
	case s.open:
		l.roomless = time.Time{}
		if l.told == 0 || l.fitting >= 2*l.told || l.fitting == l.most {
			l.told = max(l.told, l.fitting)
		}
	case l.roomless.IsZero() && s.holding:
		l.roomless = now
	case s.holding && now.Sub(l.roomless) >= roomlessFor:
		l.told = 0
	}
	return l.told != before
}

// lessen follows when deliveries were given up.
func (l *laneRoom) lessen() (changed bool) {
	before := l.told
	l.told = min(l.told, l.fitting)
	return l.told != before
}
