package mail

import (
	"regexp"
	"strings"
	"time"
)

const (
	enoughStrikes = 8                // this many, without a success between, slow a domain down
	strikeLife    = 5 * time.Minute  // a strike counts for so long
	firstPause    = 15 * time.Second // doubled each time
	longestPause  = 8 * time.Minute
	longestAsked  = time.Hour // of a pause that the server names
	taughtLife    = 10 * time.Minute
	firstRate     = 1.0 // mails a second after the pause; doubled by every few that go well
	fullRate      = 64.0
	goodRun       = 5
	// returnPause and returnGap bound how often held mails ask again: each once in so
	// long, and a domain's one after the other.
	returnPause = 10 * time.Second
	returnGap   = 10 * time.Millisecond
)

// taught is the speed that a domain (or the relay, for all) has taught by refusing
// mails for the time being, again and again.
//
//	free ──8 strikes, or "try again in N"──▶ shut ──pause──▶ slow: 1/s, 2/s … 64/s ──▶ free
//	                                          ▲                │
//	                                          └────strike──────┘  (the pause doubles)
type taught struct {
	strikes int
	struck  time.Time
	shut    time.Time // nothing goes before
	until   time.Time // all is forgotten then
	level   int       // how often it was shut in a row
	rate    float64   // 0 is free
	tokens  float64
	filled  time.Time
	good    int
	tails   [Lanes]time.Time // the last return that was given, by priority
}

// active reports whether the speed is bounded, and forgets what is too old.
func (t *taught) active(now time.Time) bool {
	if t.rate > 0 && !now.Before(t.until) {
		*t = taught{}
	}
	return t.rate > 0
}

// take takes a token, or gives the time until the mail may ask again. As with a
// configured rate the urgent overtake: they may overdraw the account, and come back
// sooner and in a row of their own.
func (t *taught) take(now time.Time, priority int) time.Duration {
	if !t.active(now) {
		return 0
	}
	back := now.Add(returnPause * time.Duration(priority+1) / Lanes)
	if now.Before(t.shut) {
		back = t.shut
	} else {
		t.tokens, t.filled = min(t.tokens+now.Sub(t.filled).Seconds()*t.rate, max(t.rate, 1)), now
		if t.tokens >= 1-overtake*2*float64(Lanes-1-priority)/(Lanes-1) {
			t.tokens--
			return 0
		}
	}
	if next := latest(t.tails[:priority+1]).Add(returnGap); next.After(back) {
		back = next
	}
	t.tails[priority] = back
	return back.Sub(now)
}

func (t *taught) giveBack() {
	if t.rate > 0 {
		t.tokens++
	}
}

// strike takes in a mail that was refused for the time being; weight is of
// throttling. True: the flow is shut from now on.
func (t *taught) strike(now time.Time, weight int, asked time.Duration, jitter float64) bool {
	if weight == 0 || t.active(now) && now.Before(t.shut) { // it was under way when the others were refused
		return false
	}
	if now.Sub(t.struck) > strikeLife {
		t.strikes = 0
	}
	t.strikes, t.struck, t.good = t.strikes+weight, now, 0
	if t.strikes < enoughStrikes && (asked == 0 || weight < 2) {
		return false
	}
	pause := min(firstPause<<min(t.level, 10), longestPause)
	pause = max(pause, min(asked, longestAsked))
	pause += time.Duration(jitter * float64(pause) / 4)
	t.level++
	t.shut = now.Add(pause)
	t.until = t.shut.Add(taughtLife)
	t.rate, t.tokens, t.filled, t.tails = firstRate, 1, t.shut, [Lanes]time.Time{}
	t.strikes = enoughStrikes - 1 // the next one shuts it at once
	return true
}

// well takes in a mail that was taken, or refused for good. True: the flow is free
// again.
func (t *taught) well(now time.Time) bool {
	if !t.active(now) {
		t.strikes = 0
		return false
	}
	if now.Before(t.shut) {
		return false
	}
	if t.good++; t.good < goodRun {
		return false
	}
	t.good, t.rate, t.strikes = 0, 2*t.rate, 0
	if t.rate <= fullRate {
		return false
	}
	*t = taught{}
	return true
}

var (
	throttleWords = regexp.MustCompile(`(?i)too many|too fast|throttl|slow down|rate (?:is |was )?(?:limit|exceed)|(?:limit|quota|rate)s? (?:has been |was |is )?(?:exceeded|reached)`)
	greyWords     = regexp.MustCompile(`(?i)gr[ea]y-?list`)
)

// throttling is how many strikes a failure is: 2 where the server says that it wants
// fewer mails, 1 for another temporary refusal, 0 where the cause is the recipient's
// own mailbox, greylisting, which wants the same mail again, or the relay itself.
func throttling(e *SendError) int {
	switch {
	case e.Verdict != Retry || e.Code < 400 || e.Code > 499 || e.Reason != "mail_from" && e.Reason != "rcpt_to" && e.Reason != "data":
		return 0
	case greyWords.MatchString(e.Reply) || strings.HasPrefix(e.Enhanced, "4.2.") || strings.HasPrefix(e.Enhanced, "4.1."):
		return 0
	case strings.HasPrefix(e.Enhanced, "4.7.") || throttleWords.MatchString(e.Reply):
		return 2
	case e.Reason == "mail_from", e.Code == 421 && e.Enhanced != "", e.Code == 450 && e.Enhanced == "": // the relay ends; the mailbox is busy
		return 0
	}
	return 1
}
