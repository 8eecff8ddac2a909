package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
)

//go:embed broker_marks.sql
var brokerMarksSQL string

// brokers is a campaign of its own: mails go by a broker while announcers, senders, the
// broker, the ways to it and PostgreSQL fail, one case after the other. What the mail server
// received is compared with what was committed, and timed.
//
//	enqueue ──commit──► mail_queue ──► announcers ──► proxies ──► broker (killed, wiped, full)
//	   │                   │  marks are counted           │          │
//	 ledger                └───────────────► senders (killed, stopped, frozen) ──► mail server
//	   └──────────────────────────── reconcile ─────────────────────────────────── received
type brokers struct {
	*testbed.Env

	server *smtptest.Server
	only   string        // a pattern of the cases' names, "" for all
	pause  time.Duration // under load before the fault, and after it
	run    int           // cases so far
	nodes  map[string]*broker
	start  func(ctx context.Context, kind string, size int) (*broker, error)
	failed []string
}

const brokerPause = 2 * time.Second

func newBrokers(e *testbed.Env, only string) *brokers {
	return &brokers{Env: e, only: only, pause: brokerPause, nodes: map[string]*broker{}, start: startBroker}
}

func startBroker(ctx context.Context, kind string, size int) (*broker, error) {
	if kind == "kafka" {
		return newKafka(ctx, size)
	}
	return newRabbitMQ(ctx, size)
}

// campaign runs the cases whose names the pattern matches.
func (c *brokers) campaign(ctx context.Context, cases []brokerCase) (err error) {
	if _, err := path.Match(c.only, ""); err != nil {
		return fmt.Errorf("-only %s: %w", c.only, err)
	}
	if _, err := c.Admin.Exec(ctx, brokerMarksSQL); err != nil {
		return err
	}
	if c.server, err = smtptest.Listen(ctx, smtptest.Options{WithoutMailBodies: true}); err != nil {
		return err
	}
	defer c.server.Close()
	defer func() { err = errors.Join(err, c.keep(nil)) }()
	c.head()
	begin := time.Now()
	for i, one := range cases {
		if !c.wanted(one) {
			continue
		}
		if err := c.keep(cases[i:]); err != nil {
			return err
		}
		t, err := c.one(ctx, one)
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		c.note(one, t)
	}
	if c.run == 0 {
		return fmt.Errorf("no case is named like %q: -list names them", c.only)
	}
	c.Printf("  %d cases in %s, brokers started and ended\n", c.run, time.Since(begin).Round(time.Second))
	if len(c.failed) > 0 {
		return fmt.Errorf("%d of %d cases passed a bound: %v", len(c.failed), c.run, c.failed)
	}
	return nil
}

func (c *brokers) wanted(one brokerCase) bool {
	if c.only == "" {
		return true
	}
	yes, _ := path.Match(c.only, one.name) // its form was looked at
	return yes
}

// keep ends the brokers that none of the cases needs.
func (c *brokers) keep(cases []brokerCase) (err error) {
	needed := map[string]bool{}
	for _, one := range cases {
		if c.wanted(one) {
			for _, n := range one.brokers {
				needed[n] = true
			}
		}
	}
	for name, b := range c.nodes {
		if !needed[name] {
			err = errors.Join(err, b.end())
			delete(c.nodes, name)
		}
	}
	return err
}

// broker gives a running one: amqp, kafka, or amqp3 and kafka3 with three nodes.
func (c *brokers) broker(ctx context.Context, name string) (*broker, error) {
	if name == "" {
		return &broker{}, nil
	}
	if b := c.nodes[name]; b != nil {
		return b, nil
	}
	kind, size := name, 1
	if name == "amqp3" || name == "kafka3" {
		kind, size = name[:len(name)-1], 3
	}
	b, err := c.start(ctx, kind, size)
	if err == nil {
		c.nodes[name] = b
	}
	return b, err
}

func (c *brokers) head() {
	c.Printf("\nBrokers under faults: about %d mails a second in all three lanes, one mail in ten on_unknown = hold\n", time.Second/loadEvery)
	c.Printf("  %-22s %8s %7s %7s %7s %7s %5s %6s  %-17s %-17s %5s\n", "", "", "", "", "wrong", "", "", "announ", "longest delay,", "the other", "")
	c.Printf("  %-22s %8s %7s %7s %7s %7s %5s %6s  %-17s %-17s %5s\n",
		"case", "enqueued", "sent", "copies", "copies", "unknown", "LOST", "ced", "urgent (bound)", "lanes (bound)", "secs")
}

// note prints a case and judges it.
func (c *brokers) note(one brokerCase, t brokerTally) {
	wrong := t.judge(one)
	mark := ""
	if len(wrong) > 0 {
		mark = fmt.Sprint("  NOT WITHIN BOUNDS: ", wrong)
		c.failed = append(c.failed, one.name)
	}
	c.Printf("  %-22s %8d %7d %7d %7d %7d %5d %6.2f  %-17s %-17s %5.0f%s\n", one.name, t.enqueued, t.sent, t.copies, t.wrong, t.unknown, t.lost,
		t.announced(), delay(t.urgent, one.urgent), delay(t.others, one.others), t.took.Seconds(), mark)
}

func delay(d, bound time.Duration) string {
	if bound == 0 {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f s (%.0f)", d.Seconds(), bound.Seconds())
}
