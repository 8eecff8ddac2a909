package smtp

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"time"
)

// Policy says how the connection to the relay is protected.
type Policy string

// The policies. There is no opportunistic one: what can be stripped protects nobody.
const (
	None     Policy = "none"     // clear text, for a relay on this machine or a trusted network
	StartTLS Policy = "starttls" // mandatory STARTTLS
	Implicit Policy = "implicit" // TLS from the first byte
)

// Config describes one relay. Host, Port and TLS are required (ParseURL fills
// them); a zero number means its default.
type Config struct {
	Host     string
	Port     string
	Username string
	Password string
	TLS      Policy
	RootCAs  *x509.CertPool // nil: the system's
	Hello    string         // name for EHLO; default the host name, else the local address

	Connections     int           // kept connections at most; default 4
	MessagesPerConn int           // a connection is retired after so many; default 1000
	MaxAge          time.Duration // … or when it is this old; default 10 minutes
	IdleTimeout     time.Duration // … or was idle this long; default 1 minute
	NoopAfter       time.Duration // idle time after which NOOP comes before reuse; default 10 s
	NoPipelining    bool          // for a relay that offers PIPELINING and cannot do it
	NoChunking      bool          // … or CHUNKING, and does not even say so

	Timeouts Timeouts
	Logger   *slog.Logger
	Now      func() time.Time
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Timeouts bound each phase as a whole, not each read. The defaults are shorter
// than RFC 5321 section 4.5.3.2 asks of a relay, because a queue tries again.
type Timeouts struct {
	Connect time.Duration // dialling, and again the TLS handshake; default 10 s
	Command time.Duration // a command and its reply; default 30 s
	Data    time.Duration // writing the message, plus a second for every 32 KiB; default 60 s
	Final   time.Duration // the reply to the final dot; default 2 minutes
}

// Address is host:port.
func (c Config) Address() string { return net.JoinHostPort(c.Host, c.Port) }

// LogValue shows the relay without its password.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("relay", c.Address()), slog.String("tls", string(c.TLS)), slog.Bool("auth", c.Username != ""))
}

func (c Config) withDefaults() Config {
	orInt(&c.Connections, 4)
	orInt(&c.MessagesPerConn, 1000)
	orDuration(&c.MaxAge, 10*time.Minute)
	orDuration(&c.IdleTimeout, time.Minute)
	orDuration(&c.NoopAfter, 10*time.Second)
	orDuration(&c.Timeouts.Connect, 10*time.Second)
	orDuration(&c.Timeouts.Command, 30*time.Second)
	orDuration(&c.Timeouts.Data, time.Minute)
	orDuration(&c.Timeouts.Final, 2*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	return c
}

func orInt(v *int, fallback int) {
	if *v <= 0 {
		*v = fallback
	}
}

func orDuration(v *time.Duration, fallback time.Duration) {
	if *v <= 0 {
		*v = fallback
	}
}

// loopback reports whether host can only be this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
