package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	simplemail "github.com/xhit/go-simple-mail/v2"

	"sespan/internal/mail"
)

// dial makes a connection that is ready for MAIL: TCP, TLS as the policy says,
// EHLO and AUTH. A failure is a *mail.SendError with the verdict retry, whatever
// the relay said: a wrong password is no reason to give up a customer's mail.
func (r *Relay) dial(ctx context.Context) (*conn, error) {
	dialCtx, cancel := context.WithTimeout(ctx, r.cfg.Timeouts.Connect)
	defer cancel()
	tcp, err := r.cfg.Dial(dialCtx, "tcp", r.cfg.Address())
	if err != nil {
		return nil, markUnreached(ctx, classify(ctx, &wire{phase: connecting}, err))
	}
	w := newWire(tcp, r.cfg.Timeouts)
	stop := context.AfterFunc(ctx, w.abort)
	client, err := r.handshake(ctx, w)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.abort()
		return nil, markUnreached(ctx, r.redact(classify(ctx, w, err)))
	}
	now := r.cfg.Now()
	return &conn{wire: w, client: client, dialedAt: now, lastUsed: now}, nil
}

// markUnreached marks a failure as the relay's, unless the caller gave up.
func markUnreached(ctx context.Context, e *mail.SendError) *mail.SendError {
	e.Unreached = ctx.Err() == nil
	return e
}

// handshake brings the wire to where the library can take over, and lets it send
// EHLO and authenticate.
func (r *Relay) handshake(ctx context.Context, w *wire) (*simplemail.SMTPClient, error) {
	if r.cfg.TLS == Implicit {
		if err := r.startSession(ctx, w); err != nil {
			return nil, err
		}
	}
	w.phase = greeting
	if err := w.exchange(); err != nil {
		return nil, err
	}
	if w.last.code != 220 {
		return nil, errors.New("the relay does not greet with 220")
	}
	if r.cfg.TLS == StartTLS {
		if err := r.upgradeToTLS(ctx, w); err != nil {
			return nil, err
		}
	}
	w.replyBuf = []byte("220 ready\r\n") // the library waits for a greeting
	return r.helloAndAuth(w)
}

// upgradeToTLS is the mandatory STARTTLS (RFC 3207).
func (r *Relay) upgradeToTLS(ctx context.Context, w *wire) error {
	if err := w.command("EHLO " + r.helloName(w)); err != nil {
		return err
	}
	if !w.caps.startTLS {
		w.phase = startTLS
		return errors.New("the relay offers no STARTTLS: mail is not sent in clear " +
			"(tls=implicit for port 465; tls=none only on a trusted network)")
	}
	w.phase = startTLS
	if err := w.command("STARTTLS"); err != nil {
		return err
	}
	if w.last.code != 220 {
		return errors.New("the relay refuses STARTTLS")
	}
	return r.startSession(ctx, w)
}

func (r *Relay) startSession(ctx context.Context, w *wire) error {
	w.phase = startTLS
	if w.in.Buffered() > 0 { // sent in clear, it would be taken for text sent inside TLS
		return errors.New("the relay sent text between STARTTLS and the handshake")
	}
	handshakeCtx, cancel := context.WithTimeout(ctx, r.cfg.Timeouts.Connect)
	defer cancel()
	w.setDeadline(connecting)
	session := tls.Client(w.tcp, r.tls)
	if err := session.HandshakeContext(handshakeCtx); err != nil {
		return fmt.Errorf("TLS with %s: %w", r.cfg.Host, err)
	}
	w.secure(session)
	return nil
}

// helloAndAuth hands the wire to the library, which sends EHLO and authenticates.
func (r *Relay) helloAndAuth(w *wire) (*simplemail.SMTPClient, error) {
	port, err := strconv.Atoi(r.cfg.Port)
	if err != nil {
		return nil, err
	}
	server := &simplemail.SMTPServer{
		Host: r.cfg.Host, Port: port, Helo: r.helloName(w), KeepAlive: true, CustomConn: w,
		Encryption: simplemail.EncryptionNone, Authentication: simplemail.AuthNone,
	}
	if r.cfg.Username != "" {
		if err := r.mayAuthenticate(w); err != nil {
			return nil, err
		}
		server.Authentication, server.Username, server.Password = simplemail.AuthAuto, r.cfg.Username, r.cfg.Password
	}
	client, err := server.Connect()
	if err != nil {
		if w.phase == hello && w.last.code == 250 { // it found no mechanism to begin with
			w.phase = auth
		}
		return nil, err
	}
	if r.cfg.Username != "" && w.last.code != 235 {
		w.phase = auth
		return nil, errors.New("the relay offers no AUTH mechanism that is known (PLAIN, LOGIN, CRAM-MD5)")
	}
	if r.cfg.NoPipelining {
		w.caps.pipelining = false
	}
	if r.cfg.NoChunking || r.noChunking.Load() {
		w.caps.chunking = false
	}
	return client, nil
}

// mayAuthenticate is the last guard of the password.
func (r *Relay) mayAuthenticate(w *wire) error {
	if _, secure := w.Conn.(*tls.Conn); secure {
		return nil
	}
	host, _, err := net.SplitHostPort(w.tcp.RemoteAddr().String())
	if r.cfg.TLS == None && loopback(r.cfg.Host) && err == nil && loopback(host) {
		return nil
	}
	w.phase = auth
	return errors.New("the password is not sent in clear")
}

// helloName is the name for EHLO: a host name with a dot, else the address (RFC 5321 section 4.1.3).
func (r *Relay) helloName(w *wire) string {
	if r.cfg.Hello != "" {
		return r.cfg.Hello
	}
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") {
		return name
	}
	host, _, err := net.SplitHostPort(w.tcp.LocalAddr().String())
	ip := net.ParseIP(host)
	switch {
	case err != nil || ip == nil:
		return "localhost"
	case ip.To4() == nil:
		return "[IPv6:" + ip.String() + "]"
	default:
		return "[" + ip.String() + "]"
	}
}

// redact keeps a relay from echoing the credentials into a log.
func (r *Relay) redact(e *mail.SendError) *mail.SendError {
	for _, secret := range r.secrets {
		e.Reply = strings.ReplaceAll(e.Reply, secret, "***")
		if e.Err != nil && strings.Contains(e.Err.Error(), secret) {
			e.Err = errors.New(strings.ReplaceAll(e.Err.Error(), secret, "***"))
		}
	}
	return e
}
