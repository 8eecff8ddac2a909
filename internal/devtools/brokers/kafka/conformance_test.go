package kafka

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/kafkad"
	"sespan/internal/kafka"
	"sespan/internal/mail"
)

// networks are the ways of each site's clients to the node; a way can be cut.
type networks struct {
	mu    sync.Mutex
	sites map[string]*network
}

type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (n *networks) of(prefix string) *network {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sites[prefix] == nil {
		n.sites[prefix] = &network{}
	}
	return n.sites[prefix]
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return nil, &net.OpError{Op: "dial", Net: kind, Err: errors.New("the network is cut")}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, kind, address)
	if err == nil {
		n.conns = append(n.conns, conn)
	}
	return conn, err
}

func (n *network) setCut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut = cut; cut {
		for _, conn := range n.conns {
			_ = conn.Close()
		}
		n.conns = nil
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cluster := shared.Cluster(t)
	ways := networks{sites: map[string]*network{}}
	brokertest.Run(t, brokertest.Backend{
		Connect: func(tb testing.TB, s brokertest.Site) mail.Broker {
			tb.Helper()
			b, err := kafka.New(kafka.Options{
				Addresses: cluster.Addresses(kafkad.Plain), Prefix: s.Prefix, Installation: s.Installation, Partitions: 6,
				Dial: ways.of(s.Prefix).dial, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
				Roles: []mail.BrokerRole{mail.BrokerAnnouncer, mail.BrokerConsumer},
			})
			require.NoError(tb, err)
			return b
		},
		Cut: func(tb testing.TB, s brokertest.Site) func() {
			tb.Helper()
			ways.of(s.Prefix).setCut(true)
			return func() { ways.of(s.Prefix).setCut(false) }
		},
	})
}
