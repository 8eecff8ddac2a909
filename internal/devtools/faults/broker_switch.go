package main

import (
	"context"
	"syscall"

	"sespan/internal/devtools/testbed"
)

// switchAround moves a site process by process between PostgreSQL, RabbitMQ and Kafka, in each
// of the six directions.
func switchAround(ctx context.Context, r *brokerRun) error {
	for _, to := range []string{"amqp", "kafka", "", "kafka", "amqp", ""} {
		b, err := r.brokers.broker(ctx, to)
		if err != nil {
			return err
		}
		if err := r.move(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// move starts announcers of the other way, replaces sender by sender, and ends the old announcers.
func (r *brokerRun) move(ctx context.Context, to *broker) error {
	old := append([]*testbed.Service(nil), r.announcers...)
	r.announcers = nil
	if err := r.announce(ctx, to); err != nil {
		return err
	}
	for range len(r.senders) {
		if err := r.send(ctx, to); err != nil {
			return err
		}
		r.end(&r.senders, syscall.SIGTERM)
		if err := r.sleep(ctx, r.pause/3); err != nil {
			return err
		}
	}
	for range len(old) {
		r.end(&old, syscall.SIGTERM)
	}
	return r.sleep(ctx, r.pause/3)
}
