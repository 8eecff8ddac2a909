package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/devtools/smtptest"
)

// TestBrokerFaultsShort is the brokers' campaign in small, with a Kafka in this process:
// announcers are killed, strangers' messages come, and the site moves to the broker and back.
func TestBrokerFaultsShort(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := newBrokers(newEnv(t, &out), "")
	c.pause = 600 * time.Millisecond
	c.start = func(ctx context.Context, _ string, _ int) (*broker, error) { return newFakeKafka(ctx) }
	err := c.campaign(t.Context(), []brokerCase{
		{name: "one announcer", brokers: []string{"kafka"}, startAnnouncers: 2, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: killAnnouncers},
		{name: "strays", brokers: []string{"kafka"}, startAnnouncers: 1, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: sendStrays},
		{name: "switch", brokers: []string{"kafka", ""}, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: func(ctx context.Context, r *brokerRun) error {
			if err := r.move(ctx, c.nodes["kafka"]); err != nil {
				return err
			}
			return r.move(ctx, &broker{})
		}},
	})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
}

// What passes a bound ends the campaign with an error.
func TestBrokerBounds(t *testing.T) {
	t.Parallel()
	c := brokerCase{urgent: 2 * time.Second, others: 2 * time.Second}
	for name, tally := range map[string]brokerTally{
		"lost": {enqueued: 10, lost: 1}, "copies that nothing explains": {enqueued: 10, wrong: 1}, "announcements of a mail": {enqueued: 10, marks: 16},
		"delay of urgent mails": {enqueued: 10, urgent: 6 * time.Second}, "nothing was enqueued": {}, "a word": {enqueued: 10, says: []string{"a word"}},
	} {
		if got := tally.judge(c); len(got) != 1 || got[0] != name {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := (brokerTally{enqueued: 10, marks: 15, urgent: 3 * time.Second}).judge(c); got != nil {
		t.Errorf("all well: %q", got)
	}
	c.urgent = calmBound
	if got := (brokerTally{enqueued: 100, marks: 106}).judge(c); len(got) != 1 {
		t.Errorf("announced again in the calm: %q", got)
	}
}

// newFakeKafka has one node that cannot be killed.
func newFakeKafka(ctx context.Context) (*broker, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DisableClientMetrics())
	if err != nil {
		cluster.Close()
		return nil, err
	}
	b := &broker{kind: "kafka", close: func() error { client.Close(); cluster.Close(); return nil }}
	useKafka(b, client)
	b.url = "kafka://" + cluster.ListenAddrs()[0]
	return b, nil
}

// A way carries bytes while it is whole, keeps them while it is cut, and ends with a network
// that has lost answers.
func TestProxy(t *testing.T) {
	t.Parallel()
	echo := smtptest.Script(t, func(_ int, s *smtptest.Session) {
		for line := s.ReadLine(); line != ""; line = s.ReadLine() {
			s.Reply(line)
		}
	})
	p, err := newProxy(t.Context(), echo)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	dial := func() *smtptest.Session {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		return smtptest.NewSession(conn)
	}
	said := func(s *smtptest.Session, want string) {
		t.Helper()
		if got := s.ReadLine(); got != want {
			t.Errorf("%q came, not %q", got, want)
		}
	}
	s := dial()
	s.Reply("one")
	said(s, "one")
	p.set(silent)
	s.Reply("two")
	later := dial()
	later.Reply("three")
	_ = s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("something came through a cut: %v", err)
	}
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
	p.set(whole)
	said(s, "two")
	said(later, "three")
	p.set(deaf)
	s.Reply("four")
	_ = s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an answer came that was to be lost: %v", err)
	}
	p.set(whole)
	_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
	if !s.Left() {
		t.Error("the connection lives on without an answer")
	}
}
