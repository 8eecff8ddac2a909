package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"sespan/internal/mail"
)

// Options of a Broker. Addresses, Prefix, Installation, Logger and Metrics are required.
type Options struct {
	Addresses      []string // host:port of some brokers of the cluster
	SASL           string   // plain, scram-sha-256, scram-sha-512; "": none
	User, Password string
	TLS            *tls.Config // nil: none
	Prefix         string      // of topics and group
	Installation   uuid.UUID   // whose announcements these are

	Partitions  int           // of each lane's topic when it is made, and the fewest that it may have [24]
	Replication int           // copies of each topic when it is made; 0: one at each broker, three at most
	Retention   time.Duration // of each lane's topic when it is made [1 h]

	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // [a net.Dialer's]
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Roles   []mail.BrokerRole // what this process does with the broker: their metrics are there from the start
}

const (
	dialTimeout = 3 * time.Second
	// A request that gets no answer for so long closes the connection: the broker is
	// stopped, or the network is cut.
	requestTimeout = 5 * time.Second
	// The broker gives up waiting for its replicas.
	produceTimeout = 3 * time.Second
	// With the pauses of retryPause a record is refused after about 1.5 s.
	produceRetries = 5
	// A window of one lane over 24 partitions makes batches below.
	batchBytes = 64 << 10
)

// client is what every connection of ours has in common. kgo's own log is left out: what
// matters comes back as an error.
func (o *Options) client() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Addresses...), kgo.ClientID("sespan"), kgo.DisableClientMetrics(),
		kgo.RequestTimeoutOverhead(requestTimeout), kgo.RetryTimeout(2 * requestTimeout), kgo.RetryBackoffFn(retryPause),
		kgo.MetadataMinAge(250 * time.Millisecond), kgo.MetadataMaxAge(time.Minute),
	}
	opts = append(opts, kgo.Dialer(o.dial))
	if mechanism := o.mechanism(); mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts
}

// dial opens a connection, with TLS where it is asked for.
func (o *Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3,
		}}).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil || o.TLS == nil {
		return conn, err
	}
	config := o.TLS.Clone()
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's failure is what matters
		return nil, err
	}
	return secure, nil
}

// retryPause grows from 50 ms to 1 s.
func retryPause(tries int) time.Duration {
	return min(25*time.Millisecond<<min(max(tries, 1), 6), time.Second)
}

func (o *Options) mechanism() sasl.Mechanism {
	switch o.SASL {
	case "plain":
		return plain.Auth{User: o.User, Pass: o.Password}.AsMechanism()
	case "scram-sha-256":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha256Mechanism()
	case "scram-sha-512":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha512Mechanism()
	}
	return nil
}

func (o *Options) complete() error {
	switch o.SASL {
	case "", "plain", "scram-sha-256", "scram-sha-512":
	default:
		return fmt.Errorf("kafka: the login %q is not known", o.SASL)
	}
	if o.Partitions == 0 {
		o.Partitions = 24
	}
	if o.Retention == 0 {
		o.Retention = time.Hour
	}
	return nil
}
