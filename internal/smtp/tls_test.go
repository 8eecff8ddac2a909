package smtp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

// certificate is self-signed for the names; pool trusts it alone.
func certificate(t *testing.T, names ...string) (server tls.Certificate, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

func TestTLSPolicies(t *testing.T) {
	t.Parallel()
	right, trusted := certificate(t, "127.0.0.1")
	other, otherRoots := certificate(t, "elsewhere.example")
	_, unknownRoots := certificate(t, "127.0.0.1")
	for name, c := range map[string]struct {
		policy Policy
		cert   tls.Certificate
		roots  *x509.CertPool
		reason string // "" when the mail must arrive
	}{
		"starttls":                   {StartTLS, right, trusted, ""},
		"implicit":                   {Implicit, right, trusted, ""},
		"starttls, unknown issuer":   {StartTLS, right, unknownRoots, "tls"},
		"implicit, unknown issuer":   {Implicit, right, unknownRoots, "tls"},
		"starttls, another's name":   {StartTLS, other, otherRoots, "tls"},
		"implicit, another's name":   {Implicit, other, otherRoots, "tls"},
		"starttls, system's issuers": {StartTLS, right, nil, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := smtptest.NewServer(t, smtptest.Options{Certificate: &c.cert, ImplicitTLS: c.policy == Implicit, Password: "pässword"})
			cfg := relayAt(t, sink.Address)
			cfg.TLS, cfg.RootCAs = c.policy, c.roots
			cfg.Username, cfg.Password = "shop", "pässword"
			s := newRelay(t, cfg)
			if c.reason == "" {
				for i := range 3 {
					send(t, s, envelope(i))
				}
				if n := len(sink.Received()); n != 3 {
					t.Fatalf("%d mails arrived, want 3", n)
				}
				return
			}
			wantVerdict(t, sendError(t, s, envelope(1)), mail.Retry, c.reason, 0)
			if sink.SawPassword() {
				t.Fatal("the password was sent")
			}
		})
	}
}

// TestStartTLSStripped: somebody in the middle removes the offer. Nothing but EHLO goes out.
func TestStartTLSStripped(t *testing.T) {
	t.Parallel()
	after := make(chan string, 1)
	cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { s.Greet("AUTH PLAIN"); after <- s.ReadLine() }))
	cfg.TLS, cfg.Username, cfg.Password = StartTLS, "shop", "secret"
	got := sendError(t, newRelay(t, cfg), envelope(1))
	wantVerdict(t, got, mail.Retry, "tls", 0)
	if line := <-after; line != "" {
		t.Fatalf("after the stripped EHLO came %q", line)
	}
}

func TestStartTLSFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve  func(*smtptest.Session)
		reason string
		code   int
	}{
		"refused": {func(s *smtptest.Session) { s.Greet("STARTTLS"); s.ReadLine(); s.Reply("454 4.7.0 not now"); s.Hang() }, "tls", 454},
		"injected": {func(s *smtptest.Session) {
			s.Greet("STARTTLS")
			s.ReadLine()
			s.Reply("220 go", "250 sent in clear")
			s.Hang()
		}, "tls", 0},
		"garbage": {func(s *smtptest.Session) {
			s.Greet("STARTTLS")
			s.ReadLine()
			s.Reply("220 go")
			s.ReadLine()
			s.Reply("no TLS here")
		}, "tls", 0},
		"hang": {func(s *smtptest.Session) { s.Greet("STARTTLS"); s.ReadLine(); s.Reply("220 go"); s.Hang() }, "timeout", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s) }))
			cfg.TLS = StartTLS
			if name == "hang" {
				cfg.Timeouts.Connect = quick
			}
			within(t, 10*time.Second, func() {
				wantVerdict(t, sendError(t, newRelay(t, cfg), envelope(1)), mail.Retry, c.reason, c.code)
			})
		})
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-pass"
	for name, c := range map[string]struct {
		serve func(*smtptest.Session)
		code  int
	}{
		"refused": {func(s *smtptest.Session) {
			s.Greet("AUTH PLAIN")
			s.ReadLine()
			s.Reply("535 5.7.8 no")
			s.ReadLine()
			s.Reply("502 what")
			s.Hang()
		}, 535},
		"later":    {func(s *smtptest.Session) { s.Greet("AUTH PLAIN"); s.ReadLine(); s.Reply("454 4.7.0 later"); s.Hang() }, 454},
		"no offer": {func(s *smtptest.Session) { s.Greet("SIZE"); s.Hang() }, 0},
		"unknown":  {func(s *smtptest.Session) { s.Greet("AUTH XOAUTH2"); s.Hang() }, 0},
		"echoed":   {func(s *smtptest.Session) { s.Greet("AUTH LOGIN"); echoLogin(s, secret) }, 535},
		"challenged": {func(s *smtptest.Session) {
			s.Greet("AUTH LOGIN")
			s.ReadLine()
			s.Reply("334 Zm9v")
			s.ReadLine()
			s.Hang()
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { c.serve(s) }))
			cfg.Username, cfg.Password = "shop", secret
			if name == "challenged" { // the relay waits, too
				cfg.Timeouts.Command = quick
			}
			got := sendError(t, newRelay(t, cfg), envelope(1))
			if got.Reason != "auth" && name != "challenged" || got.Verdict != mail.Retry || got.Code != c.code {
				t.Fatalf("got %s/%s/%d: %v", got.Verdict, got.Reason, got.Code, got)
			}
			noSecret(t, got.Error()+got.Reply, secret, "czNjcmV0LXBhc3M")
		})
	}
}

// echoLogin is a relay with a log of its own: it repeats what it was sent.
func echoLogin(s *smtptest.Session, secret string) {
	s.ReadLine()
	s.Reply("334 UGFzc3dvcmQ6")
	s.Reply("535 5.7.8 not "+secret+" nor "+s.ReadLine(), "")
	s.Hang()
}

// TestPasswordNotInClear: not even when the configuration was made by hand.
func TestPasswordNotInClear(t *testing.T) {
	t.Parallel()
	cfg := Config{Host: "relay.example", Port: "25", TLS: None, Username: "shop", Password: "secret"}
	if _, err := NewRelay(cfg); err == nil || !strings.Contains(err.Error(), "in clear") {
		t.Fatalf("got %v", err)
	}
	// A name that says loopback and a connection that is not: the last guard.
	cfg.Host = "localhost"
	s := newRelay(t, cfg)
	w := newWire(fakePeer{}, cfg.Timeouts)
	if err := s.mayAuthenticate(w); err == nil {
		t.Fatal("the password would go to 192.0.2.1")
	}
}

type fakePeer struct{ net.Conn }

func (fakePeer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestCAFile(t *testing.T) {
	t.Parallel()
	cert, _ := certificate(t, "127.0.0.1")
	sink := smtptest.NewServer(t, smtptest.Options{Certificate: &cert})
	file := filepath.Join(t.TempDir(), "ca.pem")
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, newRelay(t, mustParse(t, "smtp://"+sink.Address+"?tls=starttls&ca_file="+file)), envelope(1))
}
