package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

const (
	// A consumer that gives no sign of life for so long loses its partitions to others.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = time.Second
	commitInterval    = 100 * time.Millisecond
	commitTimeout     = 3 * time.Second
	leaveTimeout      = 3 * time.Second
	// A fetch that waits at the broker for records does not know of a lane that has got
	// room since: so it waits no longer than this.
	fetchWait = 100 * time.Millisecond
	// At about 300 bytes a record a fetch brings some 800 of them.
	fetchBytes = 256 << 10
)

// session is one membership of the group.
type session struct {
	c       *consumption
	client  *kgo.Client
	leaving context.CancelFunc

	committing sync.Mutex
	pacing     sync.Mutex
	paused     [mail.Lanes]bool
}

// session joins the group and receives until ctx ends or there is no room; it gives an
// error when it could not begin.
func (c *consumption) session(ctx context.Context) error {
	b := c.broker
	if err := b.ensureTopics(ctx); err != nil {
		return err
	}
	polling, leave := context.WithCancel(ctx)
	defer leave()
	s := &session{c: c, leaving: leave}
	client, err := kgo.NewClient(append(b.options.client(),
		kgo.ConsumerGroup(b.options.group()), kgo.ConsumeTopics(b.options.laneTopics()...), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatInterval), kgo.RebalanceTimeout(sessionTimeout),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.KeepRetryableFetchErrors(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(fetchWait), kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(batchBytes),
		kgo.OnPartitionsAssigned(s.assigned), kgo.OnPartitionsRevoked(s.revoked), kgo.OnPartitionsLost(s.lost), kgo.WithHooks(s),
	)...)
	if err != nil {
		return err
	}
	s.client = client
	c.current.Store(s)
	defer c.current.Store(nil)
	var wg sync.WaitGroup
	wg.Go(func() { s.tend(polling) })
	err = s.poll(polling)
	leave()
	wg.Wait()
	s.end(ctx)
	return err
}

// poll takes in what the broker has, until ctx ends or the topics are gone.
func (s *session) poll(ctx context.Context) (gone error) {
	for ctx.Err() == nil && gone == nil {
		fetches := s.client.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) { s.c.broker.receive(ctx, s.c.ledger, r) })
		s.pace()
		s.client.AllowRebalance()
		fetches.EachError(func(_ string, _ int32, err error) {
			if s.endedBy(ctx, err) {
				gone = s.c.broker.options.explain(err)
			}
		})
	}
	return gone
}

// endedBy tells whether the session is of no use after a failure to fetch: the topics are
// gone. Others pass, or are told to OnGroupManageError.
func (s *session) endedBy(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.As(err, new(*kgo.ErrGroupSession)) {
		return false
	}
	if s.c.broker.topicsGone(err) {
		return true
	}
	if !kerr.IsRetriable(err) {
		s.c.broker.warn(ctx, "kafka: fetching fails", s.c.broker.options.explain(err))
	}
	return false
}

// tend commits, lets the lanes with room fetch again, and leaves when there is no room.
func (s *session) tend(ctx context.Context) {
	tick := time.NewTicker(commitInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.commit(ctx)
		s.pace()
		if s.c.crowded() {
			s.leaving()
		}
	}
}

// commit tells Kafka what is acknowledged. What fails is told again.
func (s *session) commit(ctx context.Context) {
	s.committing.Lock() // one after the other: none goes back
	defer s.committing.Unlock()
	ends := s.c.ledger.commits()
	if len(ends) == 0 {
		return
	}
	records := make([]*kgo.Record, 0, len(ends))
	for _, e := range ends {
		records = append(records, &kgo.Record{Topic: e.of.id.topic, Partition: e.of.id.index, Offset: e.offset, LeaderEpoch: e.epoch})
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	if err := s.client.CommitRecords(ctx, records...); err != nil {
		s.c.broker.log.DebugContext(ctx, "kafka: offsets are not committed yet", "err", err)
		return
	}
	s.c.ledger.committed(ends)
}

// end commits what is left, gives the partitions to others and closes the client.
func (s *session) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	s.commit(ctx)
	s.c.ledger.giveUpAll()
	s.client.AllowRebalance()
	if err := s.client.LeaveGroupContext(ctx); err != nil {
		s.c.broker.log.DebugContext(ctx, "kafka: the group learns by the session's end that this consumer has left", "err", err)
	}
	s.client.Close()
}

func (s *session) assigned(ctx context.Context, _ *kgo.Client, _ map[string][]int32) {
	s.c.set(ctx, true, nil)
}

// revoked is called before partitions go to others.
func (s *session) revoked(ctx context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.commit(ctx)
	s.c.ledger.giveUp(partitions)
}

// lost is called when they have gone already.
func (s *session) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.c.ledger.giveUp(partitions)
}

// OnGroupManageError implements kgo.HookGroupManageError.
func (s *session) OnGroupManageError(err error) {
	if !errors.Is(err, context.Canceled) {
		s.c.set(context.Background(), false, s.c.broker.options.explain(err))
	}
}
