package kafka

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/kafkad"
)

// program is the service of the tests that run it.
var program brokertest.Program

// brokerURL is that of the listener of the shared node, with what stands before and behind the addresses.
func brokerURL(c *kafkad.Cluster, scheme, login string, l kafkad.Listener, query string, more ...string) []string {
	return append([]string{"SESPAN_BROKER_URL=" + scheme + "://" + login + strings.Join(c.Addresses(l), ",") + query, "SESPAN_KAFKA_PARTITIONS=4"}, more...)
}

const known = user + ":right%20and%20long=x@"

// topics makes those of the program, with four partitions.
func (s *site) topics(t *testing.T) {
	t.Helper()
	for _, name := range []string{"urgent", "normal", "bulk", "dead"} {
		partitions := int32(4)
		if name == "dead" {
			partitions = 1
		}
		if _, err := s.admin.CreateTopic(within(t, 20*time.Second), partitions, 1, nil, s.prefix+".mail."+name); err != nil {
			require.ErrorContains(t, err, "already exists")
		}
	}
}

// What Kafka does not go with ends the start of the program, and the doctor says the same.
func TestTheProgramRefusesAWrongBroker(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	s := newSite(t, c)
	s.prefix = "sespan"
	s.topics(t)
	old, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.MaxVersions(kversion.V3_0_0()))
	require.NoError(t, err)
	t.Cleanup(old.Close)
	ca := "SESPAN_BROKER_CA_FILE=" + authority.files.ClientCA
	for name, test := range map[string]struct{ settings, says []string }{
		"wrong URL":     {[]string{"SESPAN_BROKER_URL=kafka://" + c.Addresses(kafkad.Plain)[0] + "/topic"}, []string{"SESPAN_BROKER_URL", "has a path", "leave out"}},
		"password":      {brokerURL(c, "kafka", user+":a-secret@", kafkad.SASL, "?sasl=scram-sha-512"), []string{"SESPAN_BROKER_URL", `refuses user "sespan" or the password`, "correct them"}},
		"user":          {brokerURL(c, "kafka", "who:a-secret@", kafkad.SASL, "?sasl=plain"), []string{"SESPAN_BROKER_URL", `refuses user "who"`}},
		"no login":      {brokerURL(c, "kafka", "", kafkad.SASL, ""), []string{"SESPAN_BROKER_URL", "?sasl="}},
		"another shape": {brokerURL(c, "kafka", "", kafkad.Plain, "", "SESPAN_KAFKA_PARTITIONS=50"), []string{"SESPAN_KAFKA_PARTITIONS", "has 4 partitions, wanted are 50", "--alter"}},
		"no TLS there":  {brokerURL(c, "kafkas", "", kafkad.Plain, "", ca), []string{"SESPAN_BROKER_URL", "speaks no TLS", "kafka://"}},
		"TLS there":     {brokerURL(c, "kafka", known, kafkad.SASLTLS, "?sasl=plain"), []string{"SESPAN_BROKER_URL", "kafkas://"}},
		"too old":       {[]string{"SESPAN_BROKER_URL=kafka://" + old.ListenAddrs()[0]}, []string{"SESPAN_BROKER_URL", "is too old", "Kafka 3.3 or later is needed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program.Refuses(t, test.settings, test.says)
		})
	}
	t.Run("all well", func(t *testing.T) {
		t.Parallel()
		program.Fits(t, brokerURL(c, "kafka", "", kafkad.Plain, ""), []string{"Kafka at " + c.Addresses(kafkad.Plain)[0], "an announcement was confirmed"})
	})
}

// What goes wrong with Kafka later keeps no mail back, and readyz says what it is.
func TestTheProgramGoesOnWithoutTheBroker(t *testing.T) { //nolint:tparallel // one site: another's sender would take the mail
	t.Parallel()
	c := shared.Cluster(t)
	s := newSite(t, c)
	s.prefix = "sespan"
	s.topics(t)
	t.Run("nobody there", func(t *testing.T) {
		program.Degrades(t, []string{"SESPAN_BROKER_URL=kafka://127.0.0.1:1"}, []string{"cannot be reached"}, nil, nil)
	})
	t.Run("the rights are taken away", func(t *testing.T) {
		s.grant(t, topicRights, groupRights)
		program.Degrades(t, brokerURL(c, "kafka", known, kafkad.SASL, "?sasl=plain"), []string{"not let user", "give it"}, func() { s.revoke(t) },
			func() { s.grant(t, topicRights, groupRights) })
	})
}

// revoke takes back what grant gave.
func (s *site) revoke(t *testing.T) {
	t.Helper()
	for _, acl := range []*kadm.ACLBuilder{
		kadm.NewACLs().Topics(s.prefix + ".mail.").Operations(topicRights...).ResourcePatternType(kadm.ACLPatternPrefixed),
		kadm.NewACLs().Groups(s.prefix + ".mail").Operations(groupRights...).ResourcePatternType(kadm.ACLPatternLiteral),
	} {
		results, err := s.admin.DeleteACLs(within(t, 20*time.Second), acl.Allow("User:"+user).AllowHosts())
		require.NoError(t, err)
		for _, r := range results {
			require.NoError(t, r.Err)
		}
	}
}
