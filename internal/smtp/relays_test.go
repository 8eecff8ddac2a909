package smtp

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// twoRelays are a preferred one and a fail-over; the pause before a probe is short.
func twoRelays(t *testing.T, first, second string, change ...func(*Config)) (*Relays, *prometheus.Registry) {
	t.Helper()
	var configs []Config
	for _, address := range []string{first, second} {
		c := relayAt(t, address)
		for _, f := range change {
			f(&c)
		}
		configs = append(configs, c)
	}
	registry := prometheus.NewRegistry()
	r, err := NewRelays(configs, RelaysOptions{Metrics: registry, Pause: func(int) time.Duration { return 20 * time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r, registry
}

// counted is a relay that takes everything and counts.
func counted(t *testing.T) (address string, taken *atomic.Int32) {
	t.Helper()
	taken = &atomic.Int32{}
	return smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet("PIPELINING")
		s.AcceptAll(func(string, string) { taken.Add(1) })
	}), taken
}

// nowhere has a listener neither now nor later: its port is none that the system
// gives to whoever asks for any.
const nowhere = "127.0.0.1:1"

// TestFailOver: whatever shows that the first relay does not serve, the mail goes to
// the second at once, and only once.
func TestFailOver(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(s *smtptest.Session){
		"away":           nil,
		"closed early":   func(*smtptest.Session) {},
		"silent":         func(s *smtptest.Session) { s.Hang() },
		"greeting 554":   func(s *smtptest.Session) { s.Reply("554 no service"); s.Hang() },
		"greeting 421":   func(s *smtptest.Session) { s.Reply("421 4.3.2 shutting down"); s.Hang() },
		"not SMTP":       func(s *smtptest.Session) { s.Reply("HTTP/1.1 400 Bad Request"); s.Hang() },
		"endless":        func(s *smtptest.Session) { s.Endless("220") },
		"MAIL 421":       func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("421 4.3.2 closing") },
		"RCPT 421":       func(s *smtptest.Session) { s.Greet("PIPELINING"); s.ReadLine(); s.Reply("250 ok", "421 4.3.0 closing") },
		"DATA 421":       refuseAt("DATA", "421 4.3.0 closing"),
		"dot 421":        afterDot("421 4.3.2 shutting down"),
		"MAIL 530":       func(s *smtptest.Session) { s.Greet(); s.ReadLine(); s.Reply("530 5.7.0 who are you"); s.Hang() },
		"wrong password": func(s *smtptest.Session) { s.Greet("AUTH PLAIN"); s.ReadLine(); s.Reply("535 5.7.8 no"); s.Hang() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := nowhere
			if serve != nil {
				first = smtptest.Script(t, func(_ int, s *smtptest.Session) { serve(s) })
			}
			second, taken := counted(t)
			r, _ := twoRelays(t, first, second, func(c *Config) {
				if name == "silent" && c.Address() == first {
					c.Timeouts.Connect, c.Timeouts.Command = quick, quick
				}
				if name == "wrong password" && c.Address() == first {
					c.Username, c.Password = "shop", "secret"
				}
			})
			receipt, err := r.Send(t.Context(), envelope(1))
			if err != nil || receipt.Relay != second || taken.Load() != 1 {
				t.Fatalf("receipt %+v, error %v, %d taken", receipt, err, taken.Load())
			}
		})
	}
}

// TestNoFailOver: what the relay says of this mail, or does not say any more, is no
// reason to give the mail to another one.
func TestNoFailOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   func(*smtptest.Session)
		verdict mail.Verdict
	}{
		"answer lost":    {afterDot(""), mail.Unknown},
		"garbage at dot": {afterDot("what?"), mail.Unknown},
		"no such user":   {refuseAt("RCPT", "550 5.1.1 unknown"), mail.Dead},
		"greylisted":     {refuseAt("RCPT", "450 4.2.1 greylisted"), mail.Retry},
		"throttled":      {refuseAt("RCPT", "421 4.7.28 too many mails"), mail.Retry},
		"hangs at MAIL":  {func(s *smtptest.Session) { s.Greet(); s.Hang() }, mail.Retry},
		"closes at MAIL": {func(s *smtptest.Session) { s.Greet(); s.ReadLine() }, mail.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s) })
			second, taken := counted(t)
			r, _ := twoRelays(t, first, second, func(c *Config) {
				if name == "hangs at MAIL" {
					c.Timeouts.Command = 2 * time.Second // of which the EHLO before needs little
				}
			})
			_, err := r.Send(t.Context(), envelope(1))
			got := asSendError(t, err)
			if got.Verdict != c.verdict || got.Relay != first || taken.Load() != 0 {
				t.Fatalf("%s from %s: %v; %d taken by the other", got.Verdict, got.Relay, got, taken.Load())
			}
		})
	}
}

// TestReturnToThePreferredRelay: while the first relay is away no mail waits for it; when it
// is back, a probe finds it, one mail tries it, and then it has them all again.
func TestReturnToThePreferredRelay(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	var dials, taken atomic.Int32
	first := smtptest.Script(t, func(_ int, s *smtptest.Session) {
		dials.Add(1)
		if !well.Load() {
			s.Reply("421 4.3.2 not now")
			return
		}
		s.Greet("PIPELINING")
		s.AcceptAll(func(string, string) { taken.Add(1) })
	})
	second, other := counted(t)
	r, registry := twoRelays(t, first, second)
	for i := range 20 {
		if _, err := r.Send(t.Context(), envelope(i)); err != nil {
			t.Fatal(err)
		}
	}
	if other.Load() != 20 || taken.Load() != 0 {
		t.Fatalf("%d mails by the fail-over, %d by the first", other.Load(), taken.Load())
	}
	if n := open1(t, registry); n != 1 {
		t.Fatalf("sespan_mail_relay_open is %v while the relay is away", n)
	}
	well.Store(true)
	eventually(t, func() bool {
		if _, err := r.Send(t.Context(), envelope(1)); err != nil {
			t.Fatal(err)
		}
		return taken.Load() > 0
	})
	if n := open1(t, registry); n != 0 {
		t.Fatalf("sespan_mail_relay_open is %v with the relay back", n)
	}
	before := other.Load()
	for i := range 20 {
		if _, err := r.Send(t.Context(), envelope(i)); err != nil {
			t.Fatal(err)
		}
	}
	if other.Load() != before {
		t.Fatalf("%d mails to the fail-over although the first is back", other.Load()-before)
	}
}

func open1(t *testing.T, r *prometheus.Registry) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sespan_mail_relay_open" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no such metric")
	return 0
}

// eventually tries until it is so; the probe's clock is the real one.
func eventually(t *testing.T, so func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not in a minute")
		}
	}
}

// TestConnectionsPerRelay: each has its own number, and its own kept connections.
func TestConnectionsPerRelay(t *testing.T) {
	t.Parallel()
	first, taken := counted(t)
	second, other := counted(t)
	r, registry := twoRelays(t, first, second, func(c *Config) { c.Connections = 3 })
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if _, err := r.Send(t.Context(), envelope(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 60 || other.Load() != 0 {
		t.Fatalf("%d and %d mails", taken.Load(), other.Load())
	}
	want := "# HELP sespan_mail_relay_connections Connections to the relay, in use or kept.\n# TYPE sespan_mail_relay_connections gauge\n" +
		"sespan_mail_relay_connections{relay=\"1\"} 3\nsespan_mail_relay_connections{relay=\"2\"} 0\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "sespan_mail_relay_connections"); err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(r.metrics.tries.WithLabelValues("1", resultSent)); n != 60 {
		t.Errorf("%v sent by the first relay", n)
	}
}

func TestRelaysWant(t *testing.T) {
	t.Parallel()
	if _, err := NewRelays(nil, RelaysOptions{}); err == nil {
		t.Error("no relay is enough")
	}
	if _, err := NewRelays([]Config{{Host: "h", Port: "25", TLS: None}, {}}, RelaysOptions{}); err == nil {
		t.Error("an empty relay is taken")
	}
}
