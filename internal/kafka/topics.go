package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// The topic of dead letters is bounded: 7 days, 100 MB.
const (
	deadRetention = "604800000"
	deadBytes     = "104857600"
	deadSegment   = "10485760" // only whole segments are removed

	topicPause = 50 * time.Millisecond // between two looks for a topic that was made
)

// shape of a topic.
type shape struct {
	name       string
	partitions int
	configs    map[string]*string
}

func (o *Options) shapes(replication int) []shape {
	inSync := "1" // with two of two in sync nothing could be published while one is away
	if replication > 2 {
		inSync = "2"
	}
	common := func(retention string) map[string]*string {
		return map[string]*string{"cleanup.policy": new("delete"), "retention.ms": &retention, "min.insync.replicas": &inSync}
	}
	dead := common(deadRetention)
	dead["retention.bytes"], dead["segment.bytes"] = new(deadBytes), new(deadSegment)
	shapes := []shape{{o.deadTopic(), 1, dead}}
	for _, topic := range o.laneTopics() {
		shapes = append(shapes, shape{topic, o.Partitions, common(strconv.FormatInt(o.Retention.Milliseconds(), 10))})
	}
	return shapes
}

// ensureTopics looks at the topics once, until something says that they are gone.
func (b *Broker) ensureTopics(ctx context.Context) error {
	if b.topicsReady.Load() {
		return nil
	}
	select {
	case b.topicsGate <- struct{}{}:
		defer func() { <-b.topicsGate }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.topicsReady.Load() {
		return nil
	}
	if err := b.producer.Ping(ctx); err != nil { // at once, where other requests try again
		return b.options.explain(err)
	}
	if err := b.checkVersion(ctx); err != nil {
		return err
	}
	if err := b.lookAtTopics(ctx); err != nil {
		return err
	}
	// Topics that were made again have other ids than those that the client remembers.
	b.producer.PurgeTopicsFromProducing(append(b.options.laneTopics(), b.options.deadTopic())...)
	b.topicsReady.Store(true)
	return nil
}

// topicsGone tells whether an error says so: the broker has lost its data, or somebody has
// deleted them. They are made again by whoever publishes or receives next.
func (b *Broker) topicsGone(err error) bool {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
		b.topicsReady.Store(false)
		return true
	}
	return false
}

// lookAtTopics makes the topics that are missing, and checks the others.
func (b *Broker) lookAtTopics(ctx context.Context) error {
	names := append(b.options.laneTopics(), b.options.deadTopic())
	found, err := b.admin.Metadata(ctx, names...)
	if err != nil {
		return b.options.explain(err)
	}
	replication := b.options.Replication
	if replication == 0 {
		replication = min(3, max(1, len(found.Brokers)))
	}
	var made []string
	there := map[string]shape{}
	for _, wanted := range b.options.shapes(replication) {
		topic := found.Topics[wanted.name]
		switch {
		case topic.Err == nil && len(topic.Partitions) > 0:
			there[wanted.name] = wanted
			if err := b.checkShape(wanted, topic); err != nil {
				return err
			}
		case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
			if err := b.makeTopic(ctx, wanted, replication); err != nil {
				return err
			}
			made = append(made, wanted.name)
		default:
			return topicError(wanted.name, topic.Err)
		}
	}
	if err := b.checkConfigs(ctx, there); err != nil {
		return err
	}
	return b.awaitTopics(ctx, made)
}

// awaitTopics waits until topics that were made are known, and have leaders.
func (b *Broker) awaitTopics(ctx context.Context, made []string) error {
	for len(made) > 0 {
		found, err := b.admin.Metadata(ctx, made...)
		if err != nil {
			return b.options.explain(err)
		}
		made = slices.DeleteFunc(made, func(name string) bool {
			topic := found.Topics[name]
			led := len(topic.Partitions) > 0
			for _, p := range topic.Partitions {
				led = led && p.Err == nil && p.Leader >= 0
			}
			return topic.Err == nil && led
		})
		if len(made) == 0 {
			break
		}
		select {
		case <-time.After(topicPause):
		case <-ctx.Done():
			return b.options.explain(ctx.Err())
		}
	}
	return nil
}

func (b *Broker) makeTopic(ctx context.Context, s shape, replication int) error {
	_, err := b.admin.CreateTopic(ctx, int32(s.partitions), int16(replication), s.configs, s.name) //nolint:gosec // the settings bound them
	switch {
	case err == nil:
		b.log.InfoContext(ctx, "kafka: topic made", "topic", s.name, "partitions", s.partitions, "replication", replication)
		return nil
	case errors.Is(err, kerr.TopicAlreadyExists): // another process was quicker
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return &settingError{
			setting: urlVariable, problem: "topic " + s.name + " is not there, and the user may not make it",
			mend: fmt.Sprintf("make it with %d partitions, or give the user Create on topics that begin with %s.mail.", s.partitions, b.options.Prefix), cause: err,
		}
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return &settingError{
			setting: "SESPAN_KAFKA_REPLICATION", problem: fmt.Sprintf("topic %s cannot have %d copies, there are fewer brokers", s.name, replication),
			mend: "set it to the number of brokers at most, or to 0", cause: err,
		}
	}
	return topicError(s.name, err)
}

func topicError(name string, err error) error {
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		return &settingError{setting: urlVariable, problem: "the user may not see topic " + name, mend: "give it Describe, Read and Write on the topic", cause: err}
	}
	return fmt.Errorf("%s: topic %s of Kafka: %w", urlVariable, name, err)
}

func (b *Broker) checkShape(s shape, topic kadm.TopicDetail) error {
	if got := len(topic.Partitions); got < s.partitions {
		return &settingError{
			setting: "SESPAN_KAFKA_PARTITIONS", problem: fmt.Sprintf("topic %s has %d partitions, wanted are %d", s.name, got, s.partitions),
			mend: fmt.Sprintf("give the topic more (kafka-topics.sh --alter --topic %s --partitions %d), or set %d", s.name, s.partitions, got),
		}
	}
	if got, want := topic.Partitions.NumReplicas(), b.options.Replication; want > 0 && got < want {
		return &settingError{
			setting: "SESPAN_KAFKA_REPLICATION", problem: fmt.Sprintf("topic %s has %d copies, wanted are %d", s.name, got, want),
			mend: fmt.Sprintf("reassign the topic's partitions to %d brokers, or set %d", want, got),
		}
	}
	return nil
}

// checkConfigs looks at what decides whether announcements stay. Who may not see it is
// trusted to have set it right. What the owner of the topics has set otherwise is told once.
func (b *Broker) checkConfigs(ctx context.Context, topics map[string]shape) error {
	if len(topics) == 0 {
		return nil
	}
	all, err := b.admin.DescribeTopicConfigs(ctx, slices.Sorted(maps.Keys(topics))...)
	if err != nil {
		return b.options.explain(err)
	}
	for _, topic := range all {
		if errors.Is(topic.Err, kerr.TopicAuthorizationFailed) {
			continue
		}
		if topic.Err != nil {
			return topicError(topic.Name, topic.Err)
		}
		for _, c := range topic.Configs {
			wanted, got := topics[topic.Name].configs[c.Key], c.MaybeValue()
			switch {
			case wanted == nil || *wanted == got:
			case c.Key == "cleanup.policy":
				return &settingError{
					setting: "SESPAN_BROKER_PREFIX", problem: fmt.Sprintf("topic %s has cleanup.policy=%s, announcements need delete", topic.Name, got),
					mend: "set it to delete, or choose a prefix of its own for this site",
				}
			case b.quiet.first(topic.Name + c.Key + got):
				b.log.WarnContext(ctx, "kafka: a topic is set otherwise than it would be made, and is used as it is", "topic", topic.Name, "config", c.Key, "has", got, "want", *wanted)
			}
		}
	}
	return nil
}

// checkRights asks what the user may do with topics and group; what Kafka does not say is
// not held against it.
func (b *Broker) checkRights(ctx context.Context) error {
	names := append(b.options.laneTopics(), b.options.deadTopic())
	found, err := b.admin.Metadata(kadm.WithAuthorizedOps(ctx), names...)
	if err != nil {
		return b.options.explain(err)
	}
	for _, name := range names {
		wanted := []kadm.ACLOperation{kadm.OpWrite, kadm.OpRead}
		if name == b.options.deadTopic() {
			wanted = wanted[:1]
		}
		for _, op := range wanted {
			if may := found.Topics[name].AuthorizedOperations; len(may) > 0 && !slices.Contains(may, op) {
				return &settingError{
					setting: urlVariable, problem: fmt.Sprintf("user %q may not %s topic %s", b.options.User, strings.ToLower(op.String()), name),
					mend: "give it Describe, Read and Write on topics that begin with " + b.options.Prefix + ".mail.",
				}
			}
		}
	}
	groups, err := b.admin.DescribeGroups(ctx, b.options.group())
	if errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator) {
		return nil // there has never been a group yet, or it moves
	}
	if err != nil && !errors.Is(err, kerr.GroupAuthorizationFailed) {
		return b.options.explain(err)
	}
	group := groups[b.options.group()]
	if err != nil || errors.Is(group.Err, kerr.GroupAuthorizationFailed) || len(group.AuthorizedOperations) > 0 && !slices.Contains(group.AuthorizedOperations, kadm.OpRead) {
		return &settingError{
			setting: urlVariable, problem: fmt.Sprintf("user %q may not read with the group %s", b.options.User, b.options.group()),
			mend: "give it Read on the group",
		}
	}
	return nil
}
