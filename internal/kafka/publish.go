package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

const produceKey = 0 // of the protocol

// publication collects the answers to one batch. Those that come after its end are dropped.
type publication struct {
	mu       sync.Mutex
	answers  []error
	answered []bool
	left     int
	done     chan struct{}
}

func (p *publication) answer(i int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[i], p.answered[i] = err, true
	if p.left--; p.left == 0 {
		close(p.done)
	}
}

// results are those that have come; of the others it gives why there is none.
func (p *publication) results(missing error) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	results := make([]error, len(p.answers))
	for i := range results {
		if results[i] = p.answers[i]; !p.answered[i] {
			results[i] = missing
		}
	}
	return results
}

// Publish implements mail.Broker. Records have no key and go round the partitions, so that
// a second announcement goes to another one, which may be another consumer's.
func (b *Broker) Publish(ctx context.Context, batch []mail.Announcement) []error {
	if len(batch) == 0 {
		return nil
	}
	if err := b.ensureTopics(ctx); err != nil {
		b.metrics.connected(mail.BrokerAnnouncer, false)
		return everyOne(len(batch), ctxError(ctx, err))
	}
	p := &publication{answers: make([]error, len(batch)), answered: make([]bool, len(batch)), left: len(batch), done: make(chan struct{})}
	began := time.Now()
	for i, a := range batch {
		record := &kgo.Record{Topic: b.options.topic(a.Lane), Value: a.Encode(), Headers: contentType()}
		b.producer.Produce(ctx, record, func(_ *kgo.Record, err error) { p.answer(i, b.verdict(ctx, began, err)) })
	}
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	results := p.results(ctx.Err())
	b.metrics.connected(mail.BrokerAnnouncer, anyTaken(results))
	return results
}

func contentType() []kgo.RecordHeader {
	return []kgo.RecordHeader{{Key: "content-type", Value: []byte(mail.AnnouncementContentType)}}
}

// verdict says why an announcement was not taken.
func (b *Broker) verdict(ctx context.Context, began time.Time, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, kgo.ErrRecordTimeout) {
		return ctxError(ctx, err)
	}
	explained := b.options.explain(err)
	if errors.Is(explained, mail.ErrBrokerSettings) {
		return explained
	}
	if b.topicsGone(err) {
		return fmt.Errorf("%w: %w", mail.ErrReturned, err)
	}
	if errors.As(err, new(*kerr.Error)) || errors.Is(err, kgo.ErrRecordRetries) && b.answered.since(began) {
		return fmt.Errorf("%w: %w", mail.ErrRefused, err)
	}
	return explained
}

// ctxError gives that of ctx when it has ended.
func ctxError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// answers remembers when Kafka last answered to announcements, whatever it said.
type answers struct{ last atomic.Int64 }

// OnBrokerRead implements kgo.HookBrokerRead.
func (a *answers) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err == nil && key == produceKey {
		a.last.Store(time.Now().UnixNano())
	}
}

func (a *answers) since(t time.Time) bool { return a.last.Load() >= t.UnixNano() }

func everyOne(count int, err error) []error {
	errs := make([]error, count)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func anyTaken(results []error) bool {
	for _, err := range results {
		if err == nil {
			return true
		}
	}
	return false
}
