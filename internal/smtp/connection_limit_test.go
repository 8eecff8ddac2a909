package smtp

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
)

// TestMessagesPerConnection: the relay closes after three mails. None fails, and soon
// the connections are ended in time.
func TestMessagesPerConnection(t *testing.T) {
	t.Parallel()
	const limit = 3
	for name, farewell := range map[string]string{
		"without a word": "", "421": "421 4.7.0 closing", "says so": "451 4.7.0 Too many messages for this session, reconnect",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lost, quits, taken atomic.Int32
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				s.Greet("PIPELINING")
				for range limit {
					if _, ok := s.AcceptEnvelope(); !ok {
						quits.Add(1)
						return
					}
					s.ReadData()
					taken.Add(1)
					s.Reply("250 ok")
				}
				switch line := s.ReadLine(); {
				case strings.HasPrefix(line, "QUIT"):
					quits.Add(1)
				case strings.HasPrefix(line, "MAIL"):
					lost.Add(1)
					if farewell != "" {
						s.Reply(farewell, "503 no", "503 no")
						s.Hang()
					}
				}
			}))
			cfg.Connections = 1
			now := time.Now()
			cfg.Now = func() time.Time { return now } // no connection idles, however slow the machine
			s := newRelay(t, cfg)
			for i := range 10 * limit {
				send(t, s, envelope(i))
			}
			if taken.Load() != 10*limit {
				t.Fatalf("%d mails taken, want %d", taken.Load(), 10*limit)
			}
			if lost.Load() > 2 {
				t.Errorf("%d exchanges were lost before the limit was learned", lost.Load())
			}
			if got := s.connLimit.current(now); got != limit {
				t.Errorf("learned %d, want %d", got, limit)
			}
			if got := s.connLimit.current(now.Add(connectionLimitPeriod)); got != 0 {
				t.Errorf("%d is believed for ever", got)
			}
		})
	}
}

// TestIdleClosingIsNoLimit: a relay that ends connections because they idled shows no
// number of mails.
func TestIdleClosingIsNoLimit(t *testing.T) {
	t.Parallel()
	var k connectionLimit
	now := time.Unix(0, 0)
	for range 5 {
		if n := k.onClosed(7, 2*time.Second, false, now); n != 0 {
			t.Fatalf("learned %d", n)
		}
	}
	for i := range 5 {
		if n := k.onClosed(7+i, 0, false, now); n != 0 {
			t.Fatalf("learned %d from numbers that differ", n)
		}
	}
	if n := k.onClosed(11, 0, false, now); n != 11 {
		t.Fatal(fmt.Sprint("twice the same is a limit, got ", n))
	}
}
