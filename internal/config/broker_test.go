package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func resolvedBroker(t *testing.T, more ...string) (*Serve, error) {
	t.Helper()
	g, err := parse(t, usable(more...)...)
	if err != nil {
		return nil, err
	}
	return &g.Serve, g.Serve.Resolve()
}

func TestBrokerURLs(t *testing.T) {
	t.Parallel()
	cases := []struct {
		url  string
		want Broker
		tls  bool
	}{
		{"", Broker{}, false},
		{"amqp://u:p%40ss@h1:5673,h2/shop", Broker{Kind: AMQP, Addresses: []string{"h1:5673", "h2:5672"}, User: "u", Password: "p@ss", VHost: "shop"}, false},
		{"amqps://h1", Broker{Kind: AMQP, Addresses: []string{"h1:5671"}, VHost: "/"}, true},
		{"amqp://u:p:q@[::1]:5672/%2Fshop", Broker{Kind: AMQP, Addresses: []string{"[::1]:5672"}, User: "u", Password: "p:q", VHost: "/shop"}, false},
		{"amqp://::1/", Broker{Kind: AMQP, Addresses: []string{"[::1]:5672"}, VHost: "/"}, false},
		{"kafka://h1,h2:9093", Broker{Kind: Kafka, Addresses: []string{"h1:9092", "h2:9093"}}, false},
		{"kafkas://u:p@h1:9094?sasl=scram-sha-512", Broker{Kind: Kafka, Addresses: []string{"h1:9094"}, User: "u", Password: "p", SASL: "scram-sha-512"}, true},
		{"KAFKA://u:p@h1?sasl=PLAIN", Broker{Kind: Kafka, Addresses: []string{"h1:9092"}, User: "u", Password: "p", SASL: "plain"}, false},
	}
	for _, c := range cases {
		s, err := resolvedBroker(t, "--broker-url="+c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got := s.Broker
		if (got.TLS != nil) != c.tls || !slices.Equal(got.Addresses, c.want.Addresses) || got.Kind != c.want.Kind || got.User != c.want.User ||
			got.Password != c.want.Password || got.VHost != c.want.VHost || got.SASL != c.want.SASL {
			t.Errorf("%s gives %+v, want %+v", c.url, got, c.want)
		}
		if got.Window != 5000 || !got.Fallback || got.Kafka != (KafkaTopics{24, 0, time.Hour}) || got.Prefix != "" {
			t.Errorf("the defaults are %+v", got)
		}
	}
}

// Every wrong value is refused with one line that names the variable and says what to
// do, and never shows the URL.
func TestWrongBrokerSettings(t *testing.T) {
	t.Parallel()
	const variable = "SESPAN_BROKER_URL"
	for _, c := range []struct{ flag, variable, hint string }{
		{"--broker-url=redis://hidden-pw@h", variable, "write amqp://"},
		{"--broker-url=h1:5672", variable, "write amqp://"},
		{"--broker-url=amqp://", variable, "write amqp://"},
		{"--broker-url=amqp://u:hidden-pw@/x", variable, "write amqp://"},
		{"--broker-url=amqp://u:hidden-pw@h1,/x", variable, "write amqp://"},
		{"--broker-url=amqp://u:hidden-pw@h1:99999", variable, "write amqp://"},
		{"--broker-url=amqp://u:hidden-pw@h1:0", variable, "write amqp://"},
		{"--broker-url=amqp://u:hidden-pw%zz@h1", variable, "as %XX"},
		{"--broker-url=amqp://:hidden-pw@h1", variable, "as %XX"},
		{"--broker-url=amqp://h1/a/b", variable, "as %2F"},
		{"--broker-url=amqp://h1?heartbeat=1", variable, "leave everything after ? out"},
		{"--broker-url=amqp://h1?sasl=plain", variable, "leave everything after ? out"},
		{"--broker-url=kafka://h1?acks=0", variable, "leave everything after ? out"},
		{"--broker-url=kafka://h1/topic", variable, "SESPAN_BROKER_PREFIX"},
		{"--broker-url=kafka://u:hidden-pw@h1", variable, "?sasl=plain"},
		{"--broker-url=kafka://h1?sasl=plain", variable, "?sasl=plain"},
		{"--broker-url=kafka://u:hidden-pw@h1?sasl=gssapi", variable, "?sasl=plain"},
		{"--broker-url-file=/nowhere", "SESPAN_BROKER_URL_FILE", "name a file"},
		{"--broker-prefix=Shop", "SESPAN_BROKER_PREFIX", "small letters"},
		{"--broker-prefix=amq.shop", "SESPAN_BROKER_PREFIX", "amq."},
		{"--broker-prefix=" + strings.Repeat("a", 61), "SESPAN_BROKER_PREFIX", "60"},
		{"--broker-window=9", "SESPAN_BROKER_WINDOW", "choose 10 to 100000"},
		{"--broker-window=many", "SESPAN_BROKER_WINDOW", "must be a whole number"},
		{"--broker-fallback=maybe", "SESPAN_BROKER_FALLBACK", `must be one of "postgres","none"`},
		{"--kafka-partitions=0", "SESPAN_KAFKA_PARTITIONS", "choose 1 to 1000"},
		{"--kafka-replication=11", "SESPAN_KAFKA_REPLICATION", "choose 0 to 10"},
		{"--kafka-retention=1s", "SESPAN_KAFKA_RETENTION", "choose 1m to 168h"},
		{"--run=announce", "SESPAN_RUN", "set it, or leave announce out"},
	} {
		wrongSetting(t, c.variable, c.hint, c.flag)
	}
	broken := filepath.Join(t.TempDir(), "broken.pem")
	if err := os.WriteFile(broken, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"ca", "cert", "key"} {
		wrongSetting(t, "SESPAN_BROKER_"+strings.ToUpper(file)+"_FILE", "begin the URL with amqps://", "--broker-url=amqp://h1", "--broker-"+file+"-file="+broken)
	}
	wrongSetting(t, "SESPAN_BROKER_CA_FILE", "PEM", "--broker-url=amqps://h1", "--broker-ca-file="+broken)
	wrongSetting(t, "SESPAN_BROKER_CERT_FILE", "PEM", "--broker-url=amqps://h1", "--broker-cert-file="+broken)
}

func wrongSetting(t *testing.T, variable, hint string, flags ...string) {
	t.Helper()
	_, err := resolvedBroker(t, flags...)
	if err == nil {
		t.Errorf("%v was taken", flags)
		return
	}
	text := err.Error()
	if !strings.HasPrefix(text, variable+" ") || !strings.Contains(text, hint) || strings.ContainsAny(text, "\n") || strings.Contains(text, "hidden-pw") {
		t.Errorf("%v gives %q; want one line that begins with %s and says %q", flags, text, variable, hint)
	}
}

// Whoever chooses no parts gets an announcer with a broker; whoever chooses keeps to it.
func TestPartsWithABroker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags []string
		want  bool
	}{
		{nil, false},
		{[]string{"--broker-url=kafka://h1"}, true},
		{[]string{"--broker-url=kafka://h1", "--run=api,mail,maintenance"}, false},
		{[]string{"--broker-url=kafka://h1", "--run=announce"}, true},
		{[]string{"--broker-url=kafka://h1", "--env-file=" + envFile(t, "SESPAN_RUN=api,mail\n")}, false},
	} {
		s, err := resolvedBroker(t, c.flags...)
		if err != nil || s.Runs("announce") != c.want {
			t.Errorf("%v runs %v (%v)", c.flags, s.Parts, err)
		}
	}
}
