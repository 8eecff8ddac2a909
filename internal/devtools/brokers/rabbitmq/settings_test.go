package rabbitmq_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/rabbitmqd"
	"sespan/internal/mail"
	"sespan/internal/rabbitmq"
)

// Each wrong setting is one line that names it and the mend, and no secret.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	node := rabbitmqd.Start(t)
	const nobody = "127.0.0.1:1" // a port that was free a moment ago is another test's by now
	secured := func(o *rabbitmq.Options) { o.Addresses, o.TLS = []string{node.TLS}, node.Certificates.Config(true) }
	for name, c := range map[string]struct {
		change   func(*rabbitmq.Options)
		settings bool
		says     []string
	}{
		"nobody there":       {func(o *rabbitmq.Options) { o.Addresses = []string{nobody} }, false, []string{"SESPAN_BROKER_URL", nobody, "refused"}},
		"wrong password":     {func(o *rabbitmq.Options) { o.Password = "a secret" }, true, []string{"SESPAN_BROKER_URL", `user "guest"`, "password"}},
		"unknown user":       {func(o *rabbitmq.Options) { o.User = "who" }, true, []string{"SESPAN_BROKER_URL", `user "who"`}},
		"no virtual host":    {func(o *rabbitmq.Options) { o.VHost = "elsewhere" }, true, []string{"SESPAN_BROKER_URL", `virtual host "elsewhere"`}},
		"a closed one":       {func(o *rabbitmq.Options) { o.User, o.Password = "nobody", "nobody" }, true, []string{"virtual host", "set_permissions -p / nobody"}},
		"TLS at the plain":   {func(o *rabbitmq.Options) { o.TLS = node.Certificates.Config(true) }, true, []string{"SESPAN_BROKER_URL", "no TLS", "amqp://"}},
		"plain at the TLS":   {func(o *rabbitmq.Options) { o.Addresses = []string{node.TLS} }, true, []string{"SESPAN_BROKER_URL", "speaks TLS", "amqps://"}},
		"unknown authority":  {func(o *rabbitmq.Options) { secured(o); o.TLS.RootCAs = nil }, true, []string{"SESPAN_BROKER_CA_FILE"}},
		"another name":       {func(o *rabbitmq.Options) { secured(o); o.TLS.ServerName = "broker.example" }, true, []string{"certificate", "broker.example"}},
		"no certificate":     {func(o *rabbitmq.Options) { secured(o); o.TLS.Certificates = nil }, true, []string{"SESPAN_BROKER_CERT_FILE", "SESPAN_BROKER_KEY_FILE"}},
		"no right to a name": {func(o *rabbitmq.Options) { o.User, o.Password = rabbitmqd.Writer, rabbitmqd.Writer }, true, []string{`user "writer"`, "docs/brokers.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, node)
			began := time.Now()
			err := s.broker(t, c.change).Check(limit(t))
			require.Error(t, err)
			assert.Equal(t, c.settings, isSettings(err), "%v", err)
			for _, part := range c.says {
				assert.ErrorContains(t, err, part)
			}
			assert.NotContains(t, err.Error(), "\n", "one line")
			assert.NotContains(t, err.Error(), "a secret")
			assert.Less(t, time.Since(began), 10*time.Second)
			t.Log(err)
		})
	}
}

func isSettings(err error) bool { return errors.Is(err, mail.ErrBrokerSettings) }

// A peer that takes connections and says nothing, or something else.
func TestPeersThatAreNoBroker(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"silent": "", "HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "a later AMQP": "AMQP\x03\x01\x00\x00"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := listen(t, says)
			s := newSite(t, rabbitmqd.Start(t))
			err := s.broker(t, func(o *rabbitmq.Options) { o.Addresses = []string{peer} }).Check(limit(t))
			assert.ErrorContains(t, err, "SESPAN_BROKER_URL")
			assert.ErrorContains(t, err, peer)
			assert.False(t, isSettings(err), "%v", err)
			t.Log(err)
		})
	}
}

// listen answers each connection with the same bytes and then only listens.
func listen(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			_, _ = conn.Write([]byte(says))
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestAddressesAreTriedInTurn(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t, func(o *rabbitmq.Options) { o.Addresses = []string{"127.0.0.1:1", "127.0.0.1:2", s.node.AMQP} })
	publish(t, b, s.announcements(1, mail.LaneNormal))
	none := s.broker(t, func(o *rabbitmq.Options) { o.Addresses = []string{"127.0.0.1:1", "127.0.0.1:2"} })
	err := none.Check(limit(t))
	assert.ErrorContains(t, err, "127.0.0.1:1")
	assert.ErrorContains(t, err, "127.0.0.1:2")
}

func TestTLSWithAClientsCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	b := s.broker(t, func(o *rabbitmq.Options) {
		o.Addresses, o.TLS, o.VHost = []string{s.node.TLS}, s.node.Certificates.Config(true), rabbitmqd.VHost
	})
	publish(t, b, s.many(1, 100, mail.LaneNormal))
	c := b.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 100})
	require.NoError(t, c.Ack(limit(t), receive(t, c, 100)))
	_, err := raw(t, s.node, rabbitmqd.VHost).QueueDeclarePassive(s.options.Prefix+".mail.normal", true, false, false, false, nil)
	assert.NoError(t, err, "it is in the other virtual host")
	_, err = raw(t, s.node, "/").QueueDeclarePassive(s.options.Prefix+".mail.normal", true, false, false, false, nil)
	assert.Error(t, err)
	old := s.broker(t, func(o *rabbitmq.Options) {
		o.Addresses, o.TLS = []string{s.node.TLS}, s.node.Certificates.Config(true)
		o.TLS.MaxVersion = tls.VersionTLS12
	})
	assert.NoError(t, old.Check(limit(t)))
}

// A queue or an exchange that is there with other arguments is named, with the command that removes it.
func TestAnotherTopology(t *testing.T) {
	t.Parallel()
	node := rabbitmqd.Start(t)
	for name, c := range map[string]struct {
		make func(ch *amqp.Channel, prefix string) error
		says []string
	}{
		"a classic queue": {func(ch *amqp.Channel, prefix string) error {
			_, err := ch.QueueDeclare(prefix+".mail.normal", true, false, false, false, nil)
			return err
		}, []string{".mail.normal", "another kind", "rabbitmqctl delete_queue -p / "}},
		"another lifetime": {func(ch *amqp.Channel, prefix string) error {
			_, err := ch.QueueDeclare(prefix+".mail.bulk", true, false, false, false, amqp.Table{"x-queue-type": "quorum", "x-message-ttl": int64(5000)})
			return err
		}, []string{".mail.bulk", "x-message-ttl", "rabbitmqctl delete_queue -p / "}},
		"dead letters without bounds": {func(ch *amqp.Channel, prefix string) error {
			_, err := ch.QueueDeclare(prefix+".mail.dead", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
			return err
		}, []string{"queue ", ".mail.dead", "rabbitmqctl delete_queue -p / "}},
		"a topic exchange": {func(ch *amqp.Channel, prefix string) error {
			return ch.ExchangeDeclare(prefix+".mail", "topic", true, false, false, false, nil)
		}, []string{"exchange ", "another kind", "'type'"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, node)
			require.NoError(t, c.make(raw(t, node, "/"), s.options.Prefix))
			b := s.broker(t)
			err := b.Check(limit(t))
			require.Error(t, err)
			assert.True(t, isSettings(err), "%v", err)
			for _, part := range c.says {
				assert.ErrorContains(t, err, part)
			}
			assert.Equal(t, 1, strings.Count(err.Error(), "SESPAN_BROKER_URL"))
			t.Log(err)
			for _, err := range b.Publish(limit(t), s.announcements(1, mail.LaneNormal)) {
				assert.True(t, isSettings(err), "publishing says the same: %v", err)
			}
		})
	}
}

// With the topology there, an announcer needs to write and a consumer to read and to write dead letters.
func TestTheSmallestRights(t *testing.T) {
	t.Parallel()
	s := newSite(t, rabbitmqd.Start(t))
	require.NoError(t, s.broker(t).Check(limit(t)), "which makes the topology")
	as := func(name string) func(*rabbitmq.Options) {
		return func(o *rabbitmq.Options) { o.User, o.Password = name, name }
	}
	writer, reader := s.broker(t, as(rabbitmqd.Writer)), s.broker(t, as(rabbitmqd.Reader))
	batch := s.announcements(1, mail.LaneUrgent, mail.LaneNormal, mail.LaneBulk)
	publish(t, writer, batch)
	c := reader.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	require.NoError(t, c.Ack(limit(t), receive(t, c, 3)))
	ch := raw(t, s.node, "/")
	require.NoError(t, ch.PublishWithContext(t.Context(), s.options.Prefix+".mail", "bulk", true, false, amqp.Publishing{Body: []byte("poison")}))
	s.dead(t, ch, 1)
	for _, err := range reader.Publish(limit(t), batch) {
		assert.ErrorContains(t, err, "refused for user 'reader'", "a consumer may not announce")
	}
	idle := writer.Consume(t.Context(), mail.ConsumeOptions{Prefetch: 10})
	eventually(t, "an announcer may not consume, and Check says so", func() bool {
		err := writer.Check(limit(t))
		return isSettings(err) && strings.Contains(err.Error(), `user "writer"`)
	})
	assert.False(t, idle.Connected())
}
