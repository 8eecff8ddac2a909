package mail

import "time"

// backoffTable is the longest wait after the first, second … failed try. The
// wait is drawn evenly between a second and this ("full jitter", Brooker,
// "Exponential Backoff And Jitter", AWS Architecture Blog 2015), so a batch that
// failed together does not come back together. The first steps are short because
// a one-time code lives ten minutes; the sum is 40 hours at most, 20 on average.
//
//	try   1   2    3    4   5   6   7    8    9   10  11  12  13   14
//	max   5s  15s  30s  1m  2m  5m  10m  30m  1h  2h  4h  8h  12h  12h
//
// The fifteenth failed try is the last: the mail is dead.
var backoffTable = [...]time.Duration{
	5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 12 * time.Hour,
}

// MaxAttempts is the number of tries after which a mail is dead.
const MaxAttempts = len(backoffTable) + 1

const (
	minimumBackoff = time.Second
	// relayBackoff bounds the wait of a mail when not it but the relay failed; the
	// sender's circuit breaker then paces the tries.
	relayBackoff = 15 * time.Second
)

// backoff gives the wait after the given number of failed tries (1 is the
// first); jitter is in [0, 1). A server's own wish is the least.
func backoff(failed int, jitter float64, asked time.Duration) time.Duration {
	longest := backoffTable[min(max(failed, 1), len(backoffTable))-1]
	return max(asked, spread(longest, jitter))
}

func spread(longest time.Duration, jitter float64) time.Duration {
	return minimumBackoff + time.Duration(jitter*float64(longest-minimumBackoff))
}
