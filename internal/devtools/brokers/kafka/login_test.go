package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"sespan/internal/devtools/kafkad"
	"sespan/internal/kafka"
	"sespan/internal/mail"
)

// login is a way to the shared node.
func login(c *kafkad.Cluster, l kafkad.Listener, sasl string, t *tls.Config) func(*kafka.Options) {
	return func(o *kafka.Options) {
		o.Addresses, o.SASL, o.TLS = c.Addresses(l), sasl, t
		if sasl != "" {
			o.User, o.Password = user, password
		}
	}
}

func trusting(client ...tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authority.roots, Certificates: client}
}

// grant gives the user what the package's documentation asks for.
func (s *site) grant(t *testing.T, topics, group []kadm.ACLOperation) {
	t.Helper()
	for _, acl := range []*kadm.ACLBuilder{
		kadm.NewACLs().Topics(s.prefix + ".mail.").Operations(topics...).ResourcePatternType(kadm.ACLPatternPrefixed),
		kadm.NewACLs().Groups(s.prefix + ".mail").Operations(group...).ResourcePatternType(kadm.ACLPatternLiteral),
	} {
		for _, principal := range []string{"User:" + user, "User:CN=localhost"} {
			results, err := s.admin.CreateACLs(within(t, 20*time.Second), acl.Allow(principal).AllowHosts())
			require.NoError(t, err)
			for _, r := range results {
				require.NoError(t, r.Err)
			}
		}
	}
}

var (
	topicRights = []kadm.ACLOperation{kadm.OpCreate, kadm.OpDescribe, kadm.OpDescribeConfigs, kadm.OpRead, kadm.OpWrite}
	groupRights = []kadm.ACLOperation{kadm.OpDescribe, kadm.OpRead}
)

func TestLogins(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	for name, l := range map[string]func(*kafka.Options){
		"PLAIN":               login(c, kafkad.SASL, "plain", nil),
		"SCRAM-SHA-256":       login(c, kafkad.SASL, "scram-sha-256", nil),
		"SCRAM-SHA-512":       login(c, kafkad.SASL, "scram-sha-512", nil),
		"certificate":         login(c, kafkad.WithTLS, "", trusting(authority.client)),
		"SCRAM over TLS":      login(c, kafkad.SASLTLS, "scram-sha-512", trusting()),
		"the first is silent": func(o *kafka.Options) { o.Addresses = append([]string{"127.0.0.1:1"}, o.Addresses...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c)
			s.grant(t, topicRights, groupRights) // these and no more
			b := s.broker(t, l)
			require.EventuallyWithT(t, func(t *assert.CollectT) { // rights come into force a moment later
				assert.NoError(t, b.Check(context.Background()))
			}, 20*time.Second, 50*time.Millisecond)
			consumption := consume(t, b, 10)
			publish(t, b, announcements(mail.LaneNormal, 1, 5))
			receive(t, consumption, 5)
			s.lag(t, 0)
		})
	}
}

func TestWrongSettingsAreOneLine(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	with := func(l func(*kafka.Options), change func(*kafka.Options)) func(*kafka.Options) {
		return func(o *kafka.Options) { l(o); change(o) }
	}
	for name, test := range map[string]struct {
		options func(*kafka.Options)
		want    []string
		waiting bool // it may mend itself
	}{
		"password, PLAIN":                {with(login(c, kafkad.SASL, "plain", nil), func(o *kafka.Options) { o.Password = "wrong-secret" }), []string{"SESPAN_BROKER_URL", `user "sespan"`, "correct"}, false},
		"password, SCRAM":                {with(login(c, kafkad.SASL, "scram-sha-512", nil), func(o *kafka.Options) { o.Password = "wrong-secret" }), []string{"SESPAN_BROKER_URL", `user "sespan"`, "correct"}, false},
		"user":                           {with(login(c, kafkad.SASL, "scram-sha-256", nil), func(o *kafka.Options) { o.User = "nobody" }), []string{"SESPAN_BROKER_URL", `user "nobody"`, "correct"}, false},
		"no user":                        {login(c, kafkad.SASL, "", nil), []string{"SESPAN_BROKER_URL", "?sasl="}, false},
		"a user where none is asked for": {login(c, kafkad.Plain, "plain", nil), []string{"SESPAN_BROKER_URL", "sasl"}, false},
		"TLS where none is spoken":       {login(c, kafkad.Plain, "", trusting()), []string{"SESPAN_BROKER_URL", "no TLS", "kafka://"}, false},
		"no TLS where it is spoken":      {login(c, kafkad.SASLTLS, "scram-sha-512", nil), []string{"SESPAN_BROKER_URL", "kafkas://"}, false},
		"no certificate":                 {login(c, kafkad.WithTLS, "", trusting()), []string{"SESPAN_BROKER_CERT_FILE"}, false},
		"another authority":              {login(c, kafkad.SASLTLS, "plain", &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}), []string{"SESPAN_BROKER_CA_FILE"}, false},
		"another name": {with(login(c, kafkad.SASLTLS, "plain", trusting()), func(o *kafka.Options) {
			o.Addresses = []string{strings.Replace(o.Addresses[0], "127.0.0.1", "localhost", 1)}
		}), []string{"SESPAN_BROKER_URL", "certificate for other names"}, false},
		"nobody listens":  {func(o *kafka.Options) { o.Addresses = []string{"127.0.0.1:1"} }, []string{"SESPAN_BROKER_URL", "127.0.0.1:1", "cannot be reached"}, true},
		"no such host":    {func(o *kafka.Options) { o.Addresses = []string{"kafka.invalid:9092"} }, []string{"SESPAN_BROKER_URL", "kafka.invalid:9092", "correct the address"}, true},
		"no rights":       {login(c, kafkad.SASL, "plain", nil), []string{"SESPAN_BROKER_URL", "Create"}, false},
		"too many copies": {func(o *kafka.Options) { o.Replication = 3 }, []string{"SESPAN_KAFKA_REPLICATION", "fewer brokers"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c)
			b := s.broker(t, test.options)
			err := b.Check(within(t, 20*time.Second))
			require.Error(t, err)
			t.Log(err)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), password)
			if test.waiting {
				require.NotErrorIs(t, err, mail.ErrBrokerSettings)
			} else {
				require.ErrorIs(t, err, mail.ErrBrokerSettings)
			}
			for _, err := range b.Publish(within(t, 10*time.Second), announcements(mail.LaneUrgent, 1, 2)) {
				require.Error(t, err)
			}
		})
	}
}

func TestRightsThatAreMissingAreNamed(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	for name, test := range map[string]struct {
		topics, group []kadm.ACLOperation
		want          string
	}{
		"create": {topicRights[1:], groupRights, "the user may not make it"},
		"write":  {[]kadm.ACLOperation{kadm.OpCreate, kadm.OpDescribe, kadm.OpRead}, groupRights, "may not write topic"},
		"read":   {[]kadm.ACLOperation{kadm.OpCreate, kadm.OpDescribe, kadm.OpWrite}, groupRights, "may not read topic"},
		"group":  {topicRights, []kadm.ACLOperation{kadm.OpDescribe}, "with the group"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c)
			s.grant(t, test.topics, test.group)
			b := s.broker(t, login(c, kafkad.SASL, "plain", nil))
			consume(t, b, 1)
			require.EventuallyWithT(t, func(t *assert.CollectT) {
				err := b.Check(context.Background())
				assert.ErrorIs(t, err, mail.ErrBrokerSettings)
				assert.ErrorContains(t, err, test.want)
			}, 20*time.Second, 50*time.Millisecond)
		})
	}
}
