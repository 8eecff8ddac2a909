package rabbitmq_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/rabbitmqd"
)

// program is the service of the tests that run it.
var program brokertest.Program

func brokerURL(url string, more ...string) []string {
	return append([]string{"SESPAN_BROKER_URL=" + url}, more...)
}

// What RabbitMQ does not go with ends the start of the program, and the doctor says the same.
func TestTheProgramRefusesAWrongBroker(t *testing.T) {
	t.Parallel()
	node := rabbitmqd.Start(t)
	_, err := raw(t, node, rabbitmqd.VHost).QueueDeclare("sespan.mail.normal", true, false, false, false, nil)
	require.NoError(t, err)
	ca := "SESPAN_BROKER_CA_FILE=" + node.Certificates.CAFile
	for name, c := range map[string]struct{ settings, says []string }{
		"wrong URL":       {brokerURL("rabbit://" + node.AMQP), []string{"SESPAN_BROKER_URL", "begins with none of amqp://"}},
		"wrong password":  {brokerURL("amqp://guest:a-secret@" + node.AMQP), []string{"SESPAN_BROKER_URL", `user "guest" or the password is refused`, "correct them"}},
		"no such user":    {brokerURL("amqp://who:a-secret@" + node.AMQP), []string{"SESPAN_BROKER_URL", `user "who"`}},
		"no virtual host": {brokerURL("amqp://guest:guest@" + node.AMQP + "/elsewhere"), []string{"SESPAN_BROKER_URL", `virtual host "elsewhere"`, "correct what follows the addresses"}},
		"another queue":   {brokerURL("amqp://guest:guest@" + node.AMQP + "/" + rabbitmqd.VHost), []string{"SESPAN_BROKER_URL", "sespan.mail.normal is of another kind", "rabbitmqctl delete_queue -p site sespan.mail.normal"}},
		"no TLS there":    {brokerURL("amqps://guest:guest@"+node.AMQP, ca), []string{"SESPAN_BROKER_URL", "speaks no TLS", "write amqp://"}},
		"TLS there":       {brokerURL("amqp://guest:guest@" + node.TLS), []string{"SESPAN_BROKER_URL", "speaks TLS", "write amqps://"}},
		"no certificate":  {brokerURL("amqps://guest:guest@"+node.TLS, ca), []string{"SESPAN_BROKER_CERT_FILE"}},
		"too old":         {brokerURL("amqp://guest:guest@" + oldRabbitMQ(t)), []string{"SESPAN_BROKER_URL", "RabbitMQ 3.9.29 is not RabbitMQ 3.10 or newer", "update it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program.Refuses(t, c.settings, c.says)
		})
	}
	t.Run("all well", func(t *testing.T) {
		t.Parallel()
		program.Fits(t, brokerURL("amqp://guest:guest@"+node.AMQP), []string{"RabbitMQ at " + node.AMQP, "an announcement was confirmed"})
	})
	t.Run("all well by TLS", func(t *testing.T) {
		t.Parallel()
		program.Fits(t, brokerURL("amqps://guest:guest@"+node.TLS, ca, "SESPAN_BROKER_CERT_FILE="+node.Certificates.CertFile,
			"SESPAN_BROKER_KEY_FILE="+node.Certificates.KeyFile), []string{"RabbitMQ at " + node.TLS})
	})
}

// What goes wrong with RabbitMQ later keeps no mail back, and readyz says what it is.
func TestTheProgramGoesOnWithoutTheBroker(t *testing.T) { //nolint:tparallel // one site: another's sender would take the mail
	t.Parallel()
	node := rabbitmqd.Start(t)
	t.Run("nobody there", func(t *testing.T) {
		program.Degrades(t, brokerURL("amqp://guest:guest@127.0.0.1:1"), []string{"cannot be reached"}, nil, nil)
	})
	t.Run("the rights are taken away", func(t *testing.T) {
		control := func(args ...string) {
			t.Helper()
			_, err := node.Control(t.Context(), args...)
			require.NoError(t, err)
		}
		control("add_user", "later", "later")
		grant := func() { control("set_permissions", "-p", "/", "later", ".*", ".*", ".*") }
		grant()
		program.Degrades(t, brokerURL("amqp://later:later@"+node.AMQP), []string{"virtual host", "not for user", "rabbitmqctl set_permissions"}, func() {
			control("clear_permissions", "-p", "/", "later")
			control("close_all_user_connections", "later", "for a test")
		}, grant)
	})
}

// oldRabbitMQ says in the handshake that it is older than what is needed.
func oldRabbitMQ(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			greetAsOld(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// greetAsOld is the broker's part of opening a connection, and waits for its end.
func greetAsOld(conn io.ReadWriter) {
	long := func(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }
	entry := func(name, value string) string { return string(rune(len(name))) + name + "S" + long(value) }
	frame := func(method string) { // of class connection
		payload := "\x00\x0a" + method
		_, _ = io.WriteString(conn, "\x01\x00\x00"+long(payload)+"\xce")
	}
	skip := func() {
		head := make([]byte, 7)
		if _, err := io.ReadFull(conn, head); err == nil {
			_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head[3:]))+1)
		}
	}
	_, _ = io.CopyN(io.Discard, conn, int64(len("AMQP\x00\x00\x09\x01")))
	frame("\x00\x0a\x00\x09" + long(entry("product", "RabbitMQ")+entry("version", "3.9.29")) + long("PLAIN") + long("en_US")) // start
	skip()                                                                                                                    // start-ok
	frame("\x00\x1e\x07\xff\x00\x02\x00\x00\x00\x00")                                                                         // tune
	skip()                                                                                                                    // tune-ok
	skip()                                                                                                                    // open
	frame("\x00\x29\x00")                                                                                                     // open-ok
	_, _ = io.Copy(io.Discard, conn)
}
