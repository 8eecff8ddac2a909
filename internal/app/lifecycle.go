package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// lifecycle runs parts and stops them in the reverse order of their start, so
// that nothing outlives what it stands on.
type lifecycle struct {
	logger *slog.Logger
	grace  time.Duration                     // for one part to stop
	drain  func() (drained <-chan time.Time) // before they stop at the end of the context; nil: at once
	parts  []part
	failed chan error
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   <-chan struct{}
}

func newLifecycle(logger *slog.Logger, grace time.Duration) *lifecycle {
	return &lifecycle{logger: logger, grace: grace, failed: make(chan error, 1)}
}

// start runs a part until its context ends; an early return is a failure of the
// whole process.
func (l *lifecycle) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.parts = append(l.parts, part{name, cancel, done})
	go func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() != nil && err == nil {
			return
		}
		select {
		case l.failed <- fmt.Errorf("%s stopped: %w", name, orEnded(err)):
		default: // another part failed first
		}
	}()
}

// onStop has release called in its place of the reverse order.
func (l *lifecycle) onStop(name string, release func()) {
	l.start(name, func(ctx context.Context) error {
		<-ctx.Done()
		release()
		return nil
	})
}

// wait returns when ctx ends or a part fails, after everything has stopped.
func (l *lifecycle) wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		l.logger.Info("stopping")
		if l.drain != nil {
			select {
			case <-l.drain():
			case err = <-l.failed:
				l.logger.Error("a part failed while stopping", "error", err)
			}
		}
	case err = <-l.failed:
		l.logger.Error("a part failed; stopping", "error", err)
	}
	l.stop()
	return err
}

func (l *lifecycle) stop() {
	for i := len(l.parts) - 1; i >= 0; i-- {
		p := l.parts[i]
		p.cancel()
		select {
		case <-p.done:
		case <-time.After(l.grace):
			l.logger.Error("a part did not stop in time", "part", p.name, "seconds", l.grace.Seconds())
		}
	}
	l.parts = nil
}

func orEnded(err error) error {
	if err == nil {
		return fmt.Errorf("it ended by itself")
	}
	return err
}
