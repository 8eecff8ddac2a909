package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"syscall"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
)

// brokerRun is one case under way.
type brokerRun struct {
	*brokers
	brokerCase

	name       string // of this run's recipients
	broker     *broker
	announcers []*testbed.Service
	senders    []*testbed.Service
	killed     []time.Time // when a sender, or the database under it, was killed
	says       []string    // what is not as it should be, beside the figures
	ends       []func()    // of what the fault has made, when the processes are gone
}

// one runs a case: processes, load, fault, and the wait until all is sent.
func (c *brokers) one(ctx context.Context, one brokerCase) (t brokerTally, err error) {
	ctx, cancel := context.WithTimeout(ctx, 7*time.Minute)
	defer cancel()
	r := &brokerRun{brokers: c, brokerCase: one, name: fmt.Sprintf("b%d", c.run), broker: &broker{}}
	c.run++
	for _, name := range one.brokers {
		if r.broker, err = c.broker(ctx, name); err != nil {
			return t, err
		}
	}
	begin := time.Now()
	before, err := c.marks(ctx)
	if err != nil {
		return t, err
	}
	defer r.stop()
	if err := r.startProcesses(ctx); err != nil {
		return t, err
	}
	l, err := r.underLoad(ctx)
	if err != nil {
		return t, err
	}
	if err := r.waitIdle(ctx); err != nil {
		return t, err
	}
	if t, err = r.reconcile(ctx, l); err != nil {
		return t, err
	}
	after, err := c.marks(ctx)
	t.marks, t.took, t.says = after-before, time.Since(begin), r.says
	return t, err
}

// underLoad lets the fault happen while mails come.
func (r *brokerRun) underLoad(ctx context.Context) (*load, error) {
	loading, end := context.WithCancel(ctx)
	defer end()
	result := make(chan *load, 1)
	go func() { result <- r.enqueue(loading, r.name) }()
	err := r.sleep(ctx, r.pause)
	if err == nil {
		err = r.fault(ctx, r)
	}
	if err == nil {
		err = r.sleep(ctx, r.pause)
	}
	end()
	return <-result, err
}

// waitIdle waits until nothing is left to send.
func (r *brokerRun) waitIdle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	err := poll.Until(ctx, 200*time.Millisecond, func() (idle bool, _ error) {
		err := r.Admin.QueryRow(ctx, idleSQL).Scan(&idle)
		return idle && err == nil, nil // with an error the database is recovering
	})
	if err != nil {
		return fmt.Errorf("the queue does not become idle: %w", err)
	}
	return nil
}

// sleep is the length of a fault.
func (*brokerRun) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *brokerRun) startProcesses(ctx context.Context) error {
	for range r.startAnnouncers {
		if err := r.announce(ctx, r.broker); err != nil {
			return err
		}
	}
	for range r.startSenders {
		if err := r.send(ctx, r.broker); err != nil {
			return err
		}
	}
	for _, s := range append(slices.Clone(r.announcers), r.senders...) {
		if err := r.awaitBroker(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// awaitBroker waits until a process has found its broker in order: the first makes the topology.
func (r *brokerRun) awaitBroker(ctx context.Context, s *testbed.Service) error {
	if r.broker.kind == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var page []byte
	err := poll.Until(ctx, 100*time.Millisecond, func() (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Admin+"/readyz", nil)
		if err != nil {
			return false, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, err
		}
		page, err = io.ReadAll(answer.Body)
		return bytes.Contains(page, []byte(`"broker":"ok"`)), errors.Join(err, answer.Body.Close())
	})
	if err != nil {
		return fmt.Errorf("the broker is not in order: %w: %s", err, page)
	}
	return nil
}

func (r *brokerRun) stop() {
	for _, s := range append(slices.Clone(r.announcers), r.senders...) {
		_ = syscall.Kill(s.PID(), syscall.SIGCONT) // so that it can end
		s.Stop()
	}
	for _, end := range r.ends {
		end()
	}
}

// settingsOf are those of the processes that use the broker.
func (r *brokerRun) settingsOf(b *broker) []string {
	list := append([]string{"SESPAN_SMTP_URL=smtp://" + r.server.Address + "?tls=none", fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", smtpConnections)}, r.settings...)
	if b.kind != "" {
		list = append(list, "SESPAN_BROKER_URL="+b.url, "SESPAN_KAFKA_PARTITIONS=8")
	}
	return list
}

// announce starts one more announcer.
func (r *brokerRun) announce(ctx context.Context, b *broker) error {
	if b.kind == "" {
		return nil
	}
	s, err := r.Serve(ctx, "announce", r.settingsOf(b)...)
	if s != nil {
		r.announcers = append(r.announcers, s)
	}
	return err
}

// send starts one more sender.
func (r *brokerRun) send(ctx context.Context, b *broker, settings ...string) error {
	s, err := r.Serve(ctx, "mail", append(r.settingsOf(b), settings...)...)
	if s != nil {
		r.senders = append(r.senders, s)
	}
	return err
}

// end takes the oldest process of a list away, by a signal.
func (r *brokerRun) end(list *[]*testbed.Service, signal syscall.Signal) {
	oldest := (*list)[0]
	*list = (*list)[1:]
	if signal == syscall.SIGTERM {
		oldest.Stop()
		return
	}
	oldest.End(signal)
}

// killSender ends the oldest sender in the middle of its dialogues.
func (r *brokerRun) killSender() {
	r.killed = append(r.killed, time.Now())
	r.end(&r.senders, syscall.SIGKILL)
}
