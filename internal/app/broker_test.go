package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"sespan/internal/devtools/pgtest"
)

// What the broker does not go with ends the start, with one line that names the setting and the mend.
func TestServeEndsWhereTheBrokerIsNotWhatTheSettingsSay(t *testing.T) {
	t.Parallel()
	small := startKafka(t, kfake.SeedTopics(3, "sespan.mail.urgent"))
	s := &running{t: t, db: pgtest.NewDB(t), addr: freeAddress(t), log: &serveLog{ready: make(chan struct{})}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := New(s.options([]string{"--run=announce", "--broker-url=kafka://" + small})).Run(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "SESPAN_KAFKA_PARTITIONS: ") || !strings.Contains(err.Error(), "; ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ended with %v", err)
	}
}

// A broker that goes away later makes nothing unready: readyz says so, and why.
func TestReadyzNamesTheBroker(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	admin := freeAddress(t)
	serveOn(t, pgtest.NewDB(t), "--run=announce", "--admin-addr="+admin, "--broker-url=kafka://"+cluster.ListenAddrs()[0])
	ready := func(parts ...string) {
		t.Helper()
		late := time.After(time.Minute)
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			page := get(t, "http://"+admin+Readyz)
			missing := ""
			for _, part := range parts {
				if !strings.Contains(page, part) {
					missing = part
				}
			}
			if missing == "" {
				return
			}
			select {
			case <-late:
				t.Fatalf("readyz does not say %s: %s", missing, page)
			case <-tick.C:
			}
		}
	}
	ready(`"broker":"ok"`)
	cluster.Close()
	ready(`"status":"degraded"`, `"broker":"SESPAN_BROKER_URL`)
}

func startKafka(t *testing.T, more ...kfake.Opt) (address string) {
	t.Helper()
	cluster, err := kfake.NewCluster(append(more, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}
