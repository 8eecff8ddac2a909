package kafka

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

// Broker is Apache Kafka as the mail's dispatch sees it.
type Broker struct {
	options  Options
	log      *slog.Logger
	metrics  *metrics
	producer *kgo.Client // announcements and dead letters; asks about topics too
	admin    *kadm.Client
	answered *answers

	quiet       quiet
	topicsGate  chan struct{} // who holds it looks at the topics
	topicsReady atomic.Bool
	joining     atomic.Pointer[error] // why the consumer is without its group
	foreign     atomic.Int64          // when the last foreign announcement came, Unix seconds

	end    context.CancelFunc
	ending context.Context //nolint:containedctx // of the goroutine that measures the lag
	wg     sync.WaitGroup
}

var _ mail.Broker = (*Broker)(nil)

// foreignMemory is how long Check tells of a foreign announcement.
const foreignMemory = 10 * time.Minute

// New reads the options; it connects when it is used.
func New(o Options) (*Broker, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	answered := &answers{}
	producer, err := kgo.NewClient(append(o.client(),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProduceRequestTimeout(produceTimeout), kgo.RecordRetries(produceRetries), kgo.UnknownTopicRetries(3),
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(batchBytes), kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A record whose ctx has ended is let go, though it may have arrived: an
		// announcement that comes twice costs a look at its row.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.MaxBufferedRecords(200_000), kgo.WithHooks(answered),
	)...)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		options: o, log: o.Logger.With("component", "kafka"), metrics: newMetrics(o.Metrics, o.Roles),
		producer: producer, answered: answered, admin: kadm.NewClient(producer), topicsGate: make(chan struct{}, 1), quiet: quiet{last: map[string]time.Time{}},
	}
	b.admin.SetTimeoutMillis(int32(requestTimeout / time.Millisecond))
	b.ending, b.end = context.WithCancel(context.Background())
	if len(o.Roles) > 0 {
		b.wg.Go(b.watch)
	}
	return b, nil
}

// Check tells whether the broker is there and new enough, whether the user has the rights,
// and whether the topics fit; it makes those that are missing.
func (b *Broker) Check(ctx context.Context) error {
	if err := b.producer.Ping(ctx); err != nil {
		return b.options.explain(err)
	}
	if err := b.checkVersion(ctx); err != nil {
		return err
	}
	if err := b.lookAtTopics(ctx); err != nil {
		return err
	}
	if err := b.checkRights(ctx); err != nil {
		return err
	}
	if err := b.joining.Load(); err != nil {
		return *err
	}
	if last := b.foreign.Load(); time.Since(time.Unix(last, 0)) < foreignMemory {
		return &settingError{
			setting: "SESPAN_BROKER_PREFIX", problem: "announcements of another installation come by topics of this prefix, " + b.options.Prefix,
			mend: "give each installation a prefix of its own",
		}
	}
	return nil
}

// Close ends all connections. What is being published fails.
func (b *Broker) Close(ctx context.Context) error {
	b.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.wg.Wait()
		b.producer.Close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("kafka: the connections are still open"), ctx.Err())
	}
}
