package main

import (
	"context"
	_ "embed"
	"syscall"
	"time"

	"github.com/google/uuid"

	"sespan/internal/devtools/poll"
	"sespan/internal/mail"
)

//go:embed broker_full.sql
var brokerFullSQL string

// outage is longer than the fallback waits.
const outage = 8 * time.Second

// longCut is longer than a lease.
const longCut = 35 * time.Second

func nothing(ctx context.Context, r *brokerRun) error { return r.sleep(ctx, 2*r.pause) }

// killAnnouncers kills one of two announcers and starts another, again and again.
func killAnnouncers(ctx context.Context, r *brokerRun) error {
	for range 4 {
		r.end(&r.announcers, syscall.SIGKILL)
		if err := r.sleep(ctx, r.pause/3); err != nil {
			return err
		}
		if err := r.announce(ctx, r.broker); err != nil {
			return err
		}
		if err := r.sleep(ctx, r.pause/3); err != nil {
			return err
		}
	}
	return nil
}

// withoutAnnouncer kills the only one, and starts another after a while.
func withoutAnnouncer(ctx context.Context, r *brokerRun) error {
	r.end(&r.announcers, syscall.SIGKILL)
	if err := r.sleep(ctx, outage); err != nil {
		return err
	}
	return r.announce(ctx, r.broker)
}

// killSenders kills one sender after the other and starts another each time.
func killSenders(ctx context.Context, r *brokerRun) error {
	for range 4 {
		r.killSender()
		if err := r.send(ctx, r.broker); err != nil {
			return err
		}
		if err := r.sleep(ctx, r.pause); err != nil {
			return err
		}
	}
	return nil
}

// addAndRemoveSenders has two to four of them, each of which leaves in good order.
func addAndRemoveSenders(ctx context.Context, r *brokerRun) error {
	for range 3 {
		for range 2 {
			if err := r.send(ctx, r.broker); err != nil {
				return err
			}
		}
		if err := r.sleep(ctx, r.pause/2); err != nil {
			return err
		}
		for range 2 {
			r.end(&r.senders, syscall.SIGTERM)
		}
	}
	return nil
}

// freezeSender stops the time of a sender, for longer than a broker takes it for alive and for
// less than its leases.
func freezeSender(ctx context.Context, r *brokerRun) error {
	frozen := r.senders[0].PID()
	if err := syscall.Kill(frozen, syscall.SIGSTOP); err != nil {
		return err
	}
	err := r.sleep(ctx, 10*time.Second)
	_ = syscall.Kill(frozen, syscall.SIGCONT)
	return err
}

// crashUnderBroker kills a server process of PostgreSQL, which ends all sessions at once.
func crashUnderBroker(ctx context.Context, r *brokerRun) error {
	for range 3 {
		if err := crashPostgreSQL(ctx, r.Admin, &r.killed); err != nil {
			return err
		}
		if err := r.sleep(ctx, r.pause); err != nil {
			return err
		}
	}
	return nil
}

// killBroker kills all nodes and starts them after a while.
func killBroker(ctx context.Context, r *brokerRun) error {
	for _, n := range r.broker.nodes {
		n.kill()
	}
	if err := r.sleep(ctx, outage); err != nil {
		return err
	}
	return startAll(ctx, r.broker.nodes)
}

// loseData takes the data of the only node.
func loseData(ctx context.Context, r *brokerRun) error { return r.broker.wipe(ctx) }

// refusePublishing has the broker take connections and no announcement.
func refusePublishing(ctx context.Context, r *brokerRun) error {
	if err := r.broker.refuse(ctx, true); err != nil {
		return err
	}
	seen := false
	for end := time.Now().Add(outage); time.Now().Before(end); {
		if err := r.sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		var now bool
		if err := r.Admin.QueryRow(ctx, "SELECT coalesce(reason = 'no_confirmation', false) FROM sespan.mail_fallback()").Scan(&now); err != nil {
			return err
		}
		seen = seen || now
	}
	if !seen {
		r.says = append(r.says, "the broker refused nothing")
	}
	return r.broker.refuse(ctx, false)
}

func cutNetwork(ctx context.Context, r *brokerRun) error {
	r.broker.network(silent)
	defer r.broker.network(whole)
	return r.sleep(ctx, longCut)
}

// loseConfirmations throws away what the broker answers, for a moment, again and again.
func loseConfirmations(ctx context.Context, r *brokerRun) error {
	defer r.broker.network(whole)
	for range 4 {
		r.broker.network(deaf)
		if err := r.sleep(ctx, 300*time.Millisecond); err != nil {
			return err
		}
		r.broker.network(whole)
		if err := r.sleep(ctx, r.pause); err != nil {
			return err
		}
	}
	return nil
}

// sendStrays puts messages between the announcements that are none of ours.
func sendStrays(ctx context.Context, r *brokerRun) error {
	before, err := r.broker.dead(ctx)
	if err != nil {
		return err
	}
	const each = 40
	for range each {
		foreign := mail.Announcement{Installation: uuid.New(), QueueID: 1024, Lane: mail.LaneNormal, At: time.Now()}
		for _, body := range [][]byte{[]byte("no announcement"), foreign.Encode()} {
			if err := r.broker.stray(ctx, body); err != nil {
				return err
			}
		}
	}
	err = poll.Until(ctx, 200*time.Millisecond, func() (bool, error) {
		now, err := r.broker.dead(ctx)
		return now >= before+2*each, err
	})
	r.strayed(ctx, before+2*each)
	return err
}

// restartWithWindowFull kills announcer and broker while nobody claims and the window is full;
// senders come when both are back.
func restartWithWindowFull(ctx context.Context, r *brokerRun) error {
	err := poll.Until(ctx, 200*time.Millisecond, func() (full bool, err error) {
		return full, r.Admin.QueryRow(ctx, brokerFullSQL).Scan(&full)
	})
	if err != nil {
		return err
	}
	r.end(&r.announcers, syscall.SIGKILL)
	for _, n := range r.broker.nodes {
		n.kill()
	}
	if err := startAll(ctx, r.broker.nodes); err != nil {
		return err
	}
	if err := r.announce(ctx, r.broker); err != nil {
		return err
	}
	for range 2 {
		if err := r.send(ctx, r.broker); err != nil {
			return err
		}
	}
	return nil
}

// killNodeByNode has the cluster lose each node once; the next one goes when it is back.
func killNodeByNode(ctx context.Context, r *brokerRun) error {
	for _, n := range r.broker.nodes {
		n.kill()
		if err := r.sleep(ctx, r.pause); err != nil {
			return err
		}
		if err := n.start(ctx); err != nil {
			return err
		}
		if err := r.sleep(ctx, r.pause); err != nil { // its copies catch up
			return err
		}
	}
	return nil
}

// killTwo takes the majority: what is left takes connections and can confirm nothing.
func killTwo(ctx context.Context, r *brokerRun) error {
	lost := r.broker.nodes[1:]
	for _, n := range lost {
		n.kill()
	}
	if err := r.sleep(ctx, outage); err != nil {
		return err
	}
	return startAll(ctx, lost)
}

// silenceRelay gives a third sender a mail server that falls silent amid dialogues and stays
// so. What it does not hold in a dialogue goes by the others.
func silenceRelay(ctx context.Context, r *brokerRun) error {
	way, err := newProxy(ctx, r.server.Address)
	if err != nil {
		return err
	}
	r.ends = append(r.ends, way.close)
	if err := r.send(ctx, r.broker, "SESPAN_SMTP_URL=smtp://"+way.address+"?tls=none"); err != nil {
		return err
	}
	if err := r.sleep(ctx, r.pause); err != nil {
		return err
	}
	r.killed = append(r.killed, time.Now()) // its answers are lost
	way.set(silent)
	return r.sleep(ctx, outage)
}
