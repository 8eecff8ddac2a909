package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BrokerSettings say which broker carries the mail's dispatch.
type BrokerSettings struct {
	BrokerURL        string        `name:"broker-url" group:"Message broker" env:"SESPAN_BROKER_URL" secret:"" placeholder:"URL" help:"amqp://user:password@host:5672,host2:5672/vhost or kafka://user:password@host:9092?sasl=scram-sha-512 (amqps, kafkas: with TLS). Without it PostgreSQL alone carries the mail's dispatch."`
	BrokerURLFile    string        `name:"broker-url-file" group:"Message broker" env:"SESPAN_BROKER_URL_FILE" placeholder:"FILE" help:"File that holds it."`
	BrokerCAFile     string        `name:"broker-ca-file" group:"Message broker" env:"SESPAN_BROKER_CA_FILE" placeholder:"FILE" help:"PEM certificates that the broker's are checked against, instead of the system's."`
	BrokerCertFile   string        `name:"broker-cert-file" group:"Message broker" env:"SESPAN_BROKER_CERT_FILE" placeholder:"FILE" help:"PEM certificate that the broker knows this service by."`
	BrokerKeyFile    string        `name:"broker-key-file" group:"Message broker" env:"SESPAN_BROKER_KEY_FILE" placeholder:"FILE" help:"Its PEM key."`
	BrokerPrefix     string        `name:"broker-prefix" group:"Message broker" env:"SESPAN_BROKER_PREFIX" placeholder:"NAME" help:"What the names of queues and topics begin with (sespan); one of its own for each site. The schema remembers it, and another one is refused."`
	BrokerWindow     int           `name:"broker-window" default:"5000" group:"Message broker" env:"SESPAN_BROKER_WINDOW" help:"Most mails of each lane (urgent, normal, bulk) that are announced and not yet claimed, 10 to 100000."`
	BrokerFallback   string        `name:"broker-fallback" default:"postgres" enum:"postgres,none" group:"Message broker" env:"SESPAN_BROKER_FALLBACK" help:"What carries the mails while the broker does not: postgres or none."`
	KafkaPartitions  int           `name:"kafka-partitions" default:"24" group:"Message broker" env:"SESPAN_KAFKA_PARTITIONS" help:"Partitions of each topic that is made, 1 to 1000."`
	KafkaReplication int           `name:"kafka-replication" default:"0" group:"Message broker" env:"SESPAN_KAFKA_REPLICATION" help:"Copies of each topic that is made, 0 to 10; 0: one at each broker, three at most."`
	KafkaRetention   time.Duration `name:"kafka-retention" default:"1h" group:"Message broker" env:"SESPAN_KAFKA_RETENTION" help:"How long Kafka keeps announcements, 1m to 168h."`

	Broker Broker `kong:"-"`
}

// Kinds of brokers.
const (
	AMQP  = "amqp"
	Kafka = "kafka"
)

// Broker is a message broker as the settings describe it.
type Broker struct {
	Kind           string   // AMQP, Kafka; "": none, PostgreSQL dispatches
	Addresses      []string // host:port
	User, Password string
	VHost          string      // of RabbitMQ
	SASL           string      // of Kafka: plain, scram-sha-256, scram-sha-512; "": none
	TLS            *tls.Config // nil: none; the server's name is that of the address
	Prefix         string      // "": the schema's
	Window         int
	Fallback       bool
	Kafka          KafkaTopics
}

// KafkaTopics is how topics are made.
type KafkaTopics struct {
	Partitions, Replication int // of Replication 0: as many as there are brokers, three at most
	Retention               time.Duration
}

const (
	brokerVariable = "SESPAN_BROKER_URL"
	hintBrokerURL  = "write amqp://USER:PASSWORD@host:5672/vhost or kafka://USER:PASSWORD@host:9092?sasl=scram-sha-512 (amqps, kafkas: with TLS), further addresses after commas" //nolint:gosec // a pattern, no password
)

// brokerScheme is what a URL's scheme says.
type brokerScheme struct {
	kind, port string
	tls        bool
}

func brokerSchemeOf(scheme string) (brokerScheme, bool) {
	s, ok := map[string]brokerScheme{
		"amqp": {AMQP, "5672", false}, "amqps": {AMQP, "5671", true}, "kafka": {Kafka, "9092", false}, "kafkas": {Kafka, "9093", true},
	}[strings.ToLower(scheme)]
	return s, ok
}

// brokerPrefix: what topics and queues may be named alike. RabbitMQ keeps amq. to itself.
var brokerPrefix = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)

// ValidBrokerPrefix tells whether names at a broker may begin so.
func ValidBrokerPrefix(s string) bool {
	return len(s) <= 60 && brokerPrefix.MatchString(s) && s != "amq" && !strings.HasPrefix(s, "amq.")
}

func (s *BrokerSettings) resolveBroker() error {
	if err := optionalSecret(&s.BrokerURL, s.BrokerURLFile, brokerVariable); err != nil {
		return err
	}
	if s.BrokerPrefix != "" && !ValidBrokerPrefix(s.BrokerPrefix) {
		return invalid("SESPAN_BROKER_PREFIX", "is "+quote(s.BrokerPrefix), "write up to 60 small letters and digits, with . or - between, such as shop or shop.test, not beginning with amq.")
	}
	for _, b := range []struct {
		variable    string
		bad         bool
		least, most string
	}{
		{"SESPAN_BROKER_WINDOW", s.BrokerWindow < 10 || s.BrokerWindow > 100_000, "10", "100000"},
		{"SESPAN_KAFKA_PARTITIONS", s.KafkaPartitions < 1 || s.KafkaPartitions > 1000, "1", "1000"},
		{"SESPAN_KAFKA_REPLICATION", s.KafkaReplication < 0 || s.KafkaReplication > 10, "0", "10"},
		{"SESPAN_KAFKA_RETENTION", s.KafkaRetention < time.Minute || s.KafkaRetention > 168*time.Hour, "1m", "168h"},
	} {
		if b.bad {
			return invalid(b.variable, "is out of its bounds", "choose "+b.least+" to "+b.most)
		}
	}
	s.Broker = Broker{
		Prefix: s.BrokerPrefix, Window: s.BrokerWindow, Fallback: s.BrokerFallback != "none",
		Kafka: KafkaTopics{s.KafkaPartitions, s.KafkaReplication, s.KafkaRetention},
	}
	if s.BrokerURL == "" {
		return nil
	}
	return s.readBroker()
}

// readBroker reads the URL, which is none of net/url's: it names several hosts.
func (s *BrokerSettings) readBroker() error {
	name, rest, _ := strings.Cut(s.BrokerURL, "://")
	scheme, ok := brokerSchemeOf(name)
	if !ok || rest == "" {
		return invalid(brokerVariable, "begins with none of amqp://, amqps://, kafka:// and kafkas://", hintBrokerURL)
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	b := &s.Broker
	b.Kind = scheme.kind
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		user, password, _ := strings.Cut(authority[:at], ":")
		var err error
		if b.User, err = url.PathUnescape(user); err == nil {
			b.Password, err = url.PathUnescape(password)
		}
		if err != nil || b.User == "" {
			return invalid(brokerVariable, "has a user or password that cannot be read", "write what is no letter or digit in them as %XX, a % as %25")
		}
	}
	for _, host := range strings.Split(hosts, ",") {
		address, ok := brokerAddress(strings.TrimSpace(host), scheme.port)
		if !ok {
			return invalid(brokerVariable, "has an address that cannot be used", hintBrokerURL)
		}
		b.Addresses = append(b.Addresses, address)
	}
	if err := b.readRest(path, query); err != nil {
		return err
	}
	return s.readBrokerTLS(scheme.tls)
}

// brokerAddress gives host:port.
func brokerAddress(s, port string) (string, bool) {
	host, given, err := net.SplitHostPort(s)
	if err != nil { // no port
		host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		given = port
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", false
		}
	}
	n, err := strconv.ParseUint(given, 10, 16)
	if err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/?#@[]% ") {
		return "", false
	}
	return net.JoinHostPort(host, given), true
}

// readRest reads the virtual host of RabbitMQ, the login's kind of Kafka.
func (b *Broker) readRest(path, query string) error {
	options, err := url.ParseQuery(query)
	if err != nil {
		return invalid(brokerVariable, "has a query that cannot be read", hintBrokerURL)
	}
	b.SASL = strings.ToLower(options.Get("sasl"))
	delete(options, "sasl")
	if len(options) > 0 || b.Kind == AMQP && query != "" {
		return invalid(brokerVariable, "has an option that is not known", "leave everything after ? out but, of Kafka, sasl=plain, scram-sha-256 or scram-sha-512")
	}
	if b.Kind == AMQP {
		vhost, err := url.PathUnescape(path)
		if err != nil || strings.Contains(path, "/") {
			return invalid(brokerVariable, "has a virtual host that cannot be read", "write a / in its name as %2F")
		}
		b.VHost = cmp.Or(vhost, "/")
		return nil
	}
	switch {
	case path != "":
		return invalid(brokerVariable, "has a path", "leave out what follows the address: topics begin with SESPAN_BROKER_PREFIX")
	case (b.User == "") != (b.SASL == ""), b.SASL != "" && !slices.Contains([]string{"plain", "scram-sha-256", "scram-sha-512"}, b.SASL):
		return invalid(brokerVariable, "does not say how the user logs in", "write user, password and ?sasl=plain, scram-sha-256 or scram-sha-512; or none of them")
	}
	return nil
}

// readBrokerTLS reads the certificates.
func (s *BrokerSettings) readBrokerTLS(wanted bool) error {
	if !wanted {
		for _, f := range []struct{ variable, path string }{
			{"SESPAN_BROKER_CA_FILE", s.BrokerCAFile}, {"SESPAN_BROKER_CERT_FILE", s.BrokerCertFile}, {"SESPAN_BROKER_KEY_FILE", s.BrokerKeyFile},
		} {
			if f.path != "" {
				return invalid(f.variable, "is set, and SESPAN_BROKER_URL is without TLS", "begin the URL with amqps:// or kafkas://, or leave the file out")
			}
		}
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.BrokerCAFile != "" {
		text, err := os.ReadFile(s.BrokerCAFile)
		if c.RootCAs = x509.NewCertPool(); err != nil || !c.RootCAs.AppendCertsFromPEM(text) {
			return invalid("SESPAN_BROKER_CA_FILE", "names no file of certificates that can be read", "name a PEM file with the certificate of the authority")
		}
	}
	if s.BrokerCertFile != "" || s.BrokerKeyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.BrokerCertFile, s.BrokerKeyFile)
		if err != nil {
			return invalid("SESPAN_BROKER_CERT_FILE", "and SESPAN_BROKER_KEY_FILE cannot be used: "+err.Error(), "name the PEM files of a certificate and of its key")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	s.Broker.TLS = c
	return nil
}
