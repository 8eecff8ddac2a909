package main

import (
	"context"
	"time"
)

// benchBrokerUrgent is mail-urgent in each of the three ways.
func benchBrokerUrgent(ctx context.Context, e *env) error {
	for _, delay := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
		if err := urgentInEachWay(ctx, e, delay); err != nil {
			return err
		}
	}
	return nil
}

func urgentInEachWay(ctx context.Context, e *env, delay time.Duration) error {
	f, err := newFleet(ctx, e, urgentSink(delay))
	if err != nil {
		return err
	}
	defer f.close()
	defer f.sites[0].sink.stop()
	for i, b := range f.sites {
		if err := b.behindBulk(ctx, e.report, f.names[i]+": ", delay); err != nil {
			return err
		}
	}
	return nil
}
