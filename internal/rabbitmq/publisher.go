package rabbitmq

import (
	"context"
	"sync"

	"sespan/internal/mail"
)

// publisher keeps one connection for publishing, from the first message on.
type publisher struct {
	b    *Broker
	role mail.BrokerRole

	mu      sync.Mutex
	started bool
	session *publishing   // nil: none
	err     error         // why there is none, after an attempt
	changed chan struct{} // closed at the next change
}

func newPublisher(b *Broker, role mail.BrokerRole) *publisher {
	return &publisher{b: b, role: role, changed: make(chan struct{})}
}

// set tells those that wait.
func (p *publisher) set(s *publishing, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session, p.err = s, err
	close(p.changed)
	p.changed = make(chan struct{})
}

// start keeps a connection from now on; false when the broker is closed.
func (p *publisher) start() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.started {
		p.started = p.b.goKeep(p.role, p.once, func(err error) { p.set(nil, err) })
	}
	return p.started
}

// state is nil while it can publish, or has not been asked to.
func (p *publisher) state() (started bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.started:
		return false, nil
	case p.session != nil:
		return true, p.session.state()
	case p.err != nil:
		return true, p.err
	}
	return true, errConnecting
}

// get waits for a connection that is being made, not for the one after a failure.
func (p *publisher) get(ctx context.Context) (*publishing, error) {
	if !p.start() {
		return nil, errClosed
	}
	for {
		p.mu.Lock()
		s, err, changed := p.session, p.err, p.changed
		p.mu.Unlock()
		if s != nil || err != nil {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.b.stop.Done():
			return nil, errClosed
		case <-changed:
		}
	}
}

// once connects, serves and says why that ended.
func (p *publisher) once(ctx context.Context) (stood bool, err error) {
	s, err := p.b.dial(ctx, p.role)
	if err != nil {
		return false, err
	}
	defer s.close()
	defer context.AfterFunc(ctx, s.close)() // calls of the library wait for answers without a context
	var serving *publishing
	err = s.within(answerTimeout, func() (err error) {
		serving, err = newPublishing(s)
		return err
	})
	if err != nil {
		return false, err
	}
	p.b.log.InfoContext(ctx, "rabbitmq: connected", "role", string(p.role), "address", s.address)
	p.set(serving, nil)
	p.b.metrics.connected(p.role, true)
	defer p.b.metrics.connected(p.role, false)
	defer p.set(nil, nil) // the next attempt is worth waiting for
	var all sync.WaitGroup
	defer all.Wait()
	defer s.close()
	all.Go(func() { serving.write(ctx) })
	all.Go(serving.watchReturns)
	all.Go(func() { p.b.watchLag(ctx, s) })
	select {
	case <-ctx.Done():
	case <-s.ended:
	}
	s.end(nil)
	return true, s.err
}

// publish gives one element for each message: nil, or why it was not taken.
func (p *publisher) publish(ctx context.Context, exchange string, messages []message) []error {
	s, err := p.get(ctx)
	if err == nil {
		err = s.state()
	}
	if err == nil {
		return s.publish(ctx, exchange, messages)
	}
	return all(err, len(messages))
}

// all gives everything the same error.
func all(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
