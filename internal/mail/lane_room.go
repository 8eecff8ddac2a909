package mail

import "time"

const (
	perSender   = 2           // deliveries of a lane at the beginning
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

// adapt takes in whether the lane has room, how many mails a second the worker sends, and
// whether something is held. It reports whether the broker is to be told. More is asked
// for as soon as it is needed, less only when something was given up: each change costs a
// few round trips.
func (l *laneRoom) adapt(now time.Time, open bool, sent float64, holding bool) (changed bool) {
	l.pace.note(0, now) // what is claimed at once, into an empty worker, is not sent at once
	l.fitting = min(max(int(min(l.pace.rate, sent)), 1), l.most)
	before := l.told
	switch {
	case open:
		l.roomless = time.Time{}
		if l.told == 0 || l.fitting >= 2*l.told || l.fitting == l.most {
			l.told = max(l.told, l.fitting)
		}
	case l.roomless.IsZero() && holding:
		l.roomless = now
	case holding && now.Sub(l.roomless) >= roomlessFor:
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
