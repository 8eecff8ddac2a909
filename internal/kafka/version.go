package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kversion"
)

// What we ask of a broker: produce, fetch, offsets, metadata, groups, topics.
var requests = [...]int16{0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 19, 22, 32}

// checkVersion compares what the broker can with what Kafka 3.3 could.
func (b *Broker) checkVersion(ctx context.Context) error {
	found, err := b.admin.ApiVersions(ctx)
	if err != nil {
		return b.options.explain(err)
	}
	oldest := kversion.V3_3_0()
	for _, broker := range found {
		if broker.Err != nil {
			continue // it is away; another one answers
		}
		for _, key := range requests {
			need, _ := oldest.LookupMaxKeyVersion(key)
			if can, there := broker.KeyMaxVersion(key); !there || can < need {
				return &settingError{
					setting: urlVariable, problem: fmt.Sprintf("Kafka's broker %d is too old (it answers like %s)", broker.NodeID, broker.VersionGuess()),
					mend: "Kafka 3.3 or later is needed: update it, or name another cluster",
				}
			}
		}
	}
	return nil
}
