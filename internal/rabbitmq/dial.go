package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

const (
	dialTimeout    = 3 * time.Second
	attemptTimeout = 8 * time.Second // for one address: TCP, TLS, the login (of which a wrong one takes 3 s), the topology
	answerTimeout  = 4 * time.Second // for calls on a connection that stands
	writeTimeout   = 5 * time.Second
	heartbeat      = 5 * time.Second
	maxFrame       = 128 << 10
)

// dial connects to the first address that answers, beginning with the one that did last time.
func (b *Broker) dial(ctx context.Context, role mail.BrokerRole) (*session, error) {
	var errs []string
	var last error
	begin := int(b.address.Load())
	for i := range b.o.Addresses {
		at := (begin + i) % len(b.o.Addresses)
		s, err := b.dialOne(ctx, b.o.Addresses[at], role)
		if err == nil {
			b.address.Store(int32(at)) //nolint:gosec // a place in the list
			return s, nil
		}
		var f *failure
		if last = err; errors.As(err, &f) && f.settings || ctx.Err() != nil {
			return nil, err
		}
		errs = append(errs, err.Error())
	}
	if len(errs) > 1 {
		last = &failure{text: strings.Join(errs, " | "), cause: last}
	}
	return nil, last
}

func (b *Broker) dialOne(ctx context.Context, address string, role mail.BrokerRole) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	dialer := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, b.explain(address, nil, err)
	}
	w := &wire{Conn: raw}
	// The library waits for answers without a context: without a connection it waits no longer.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, err := b.handshake(ctx, address, w, role)
	if err == nil {
		err = b.names.declare(conn)
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, b.explain(address, w, err)
	}
	return newSession(conn, raw, address), nil
}

func (b *Broker) handshake(ctx context.Context, address string, w *wire, role mail.BrokerRole) (*amqp.Connection, error) {
	end := &end{Conn: w}
	if b.o.TLS != nil {
		config := b.o.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		if len(config.Certificates) == 0 {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				w.asked.Store(true)
				return &tls.Certificate{}, nil
			}
		}
		secured := tls.Client(w, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		end.Conn = secured
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("sespan " + string(role) + " " + b.o.Prefix)
	c, err := amqp.Open(end, amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: b.o.User, Password: b.o.Password}},
		Vhost: b.o.VHost, Heartbeat: heartbeat, FrameSize: maxFrame, Locale: "en_US", Properties: properties,
	})
	if why := end.why.Load(); err != nil && why != nil {
		return nil, &lostError{err: err, why: *why}
	}
	if err != nil {
		return nil, err
	}
	return c, checkVersion(c.Properties)
}

// checkVersion refuses what has no message-ttl for quorum queues.
func checkVersion(properties amqp.Table) error {
	product, _ := properties["product"].(string)
	version, _ := properties["version"].(string)
	parts := strings.SplitN(version, ".", 3)
	if len(parts) >= 2 && product == "RabbitMQ" {
		major, errMajor := strconv.Atoi(parts[0])
		minor, errMinor := strconv.Atoi(parts[1])
		if errMajor == nil && errMinor == nil && (major > 3 || major == 3 && minor >= 10) {
			return nil
		}
	}
	return &versionError{product, version}
}

// wire is the connection below TLS. A write that the broker does not take in time ends the connection: a broker that reads
// nothing would hold up a publisher for ever.
type wire struct {
	net.Conn
	first atomic.Uint32 // the first byte that came
	asked atomic.Bool   // for a client's certificate, of which there is none
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.first.CompareAndSwap(0, uint32(p[0]))
	}
	return n, err
}

// end is the connection as the library sees it. It keeps why nothing came any more, which the library may lose on the way:
// an alert of TLS, for one.
type end struct {
	net.Conn
	why atomic.Pointer[error]
}

// Read implements net.Conn.
func (e *end) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if err != nil {
		e.why.CompareAndSwap(nil, &err)
	}
	return n, err
}
