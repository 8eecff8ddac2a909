package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
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

// authority is a private CA, as a company or a container network has.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// file is what SESPAN_SMTP_CA_FILE names.
func (a *authority) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue makes a server's certificate.
func (a *authority) issue(t *testing.T, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "relay"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestPrivateCA: what the file vouches for is taken, anything else is not, and then
// neither the password nor the mail leaves.
func TestPrivateCA(t *testing.T) {
	t.Parallel()
	ours, unknownCA := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		cert *tls.Certificate
		well bool
	}{
		"ours":            {ours.issue(t, nil), true},
		"an unknown CA's": {unknownCA.issue(t, nil), false},
		"expired":         {ours.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false},
		"not yet valid":   {ours.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), false},
		"another's name":  {ours.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }), false},
		"a client's": {ours.issue(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), false},
	} {
		for _, policy := range []Policy{StartTLS, Implicit} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				t.Parallel()
				sink := smtptest.NewServer(t, smtptest.Options{Certificate: c.cert, ImplicitTLS: policy == Implicit, Password: "secret"})
				cfg := mustParse(t, "smtp://shop:secret@"+sink.Address+"?tls="+string(policy)+"&ca_file="+ours.file(t))
				s := newRelay(t, cfg)
				if c.well {
					send(t, s, envelope(1))
					return
				}
				got := sendError(t, s, envelope(1))
				wantVerdict(t, got, mail.Retry, "tls", 0)
				if !got.RelayFailed() || sink.SawPassword() || len(sink.Received()) > 0 {
					t.Errorf("%+v; the password left: %v", got, sink.SawPassword())
				}
			})
		}
	}
}

// TestTLSBreaks in the middle of the dialogue: before the dot the mail is safe to try
// again, after it nobody knows.
func TestTLSBreaks(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	for name, c := range map[string]struct {
		dot     bool
		verdict mail.Verdict
	}{"at MAIL": {false, mail.Retry}, "after the dot": {true, mail.Unknown}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				raw := s.Conn
				_ = s.StartTLS(cert) // the client sees a failure, too
				s.Greet()
				if c.dot {
					s.AcceptEnvelope()
					s.ReadData()
				} else {
					s.ReadLine()
				}
				_, _ = raw.Write([]byte("no TLS record at all, but a good many bytes"))
				s.Hang()
			}))
			cfg.TLS, cfg.RootCAs = Implicit, x509.NewCertPool()
			cfg.RootCAs.AddCert(ca.cert)
			if got := sendError(t, newRelay(t, cfg), envelope(1)); got.Verdict != c.verdict || got.RelayFailed() {
				t.Fatalf("%s: %+v", got.Verdict, got)
			}
		})
	}
}

// TestAuthLogin over TLS: with the user in the first line, and asked for word by word.
func TestAuthLogin(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.issue(t, nil)
	encode := base64.StdEncoding.EncodeToString
	for name, dialogue := range map[string]func(s *smtptest.Session) (user, password string){
		"user at once": func(s *smtptest.Session) (string, string) {
			user := strings.TrimPrefix(s.ReadLine(), "AUTH LOGIN ")
			s.Reply("334 " + encode([]byte("Password:")))
			return user, s.ReadLine()
		},
		"both asked for": func(s *smtptest.Session) (string, string) {
			s.ReadLine()
			s.Reply("334 " + encode([]byte("Username:")))
			user := s.ReadLine()
			s.Reply("334 " + encode([]byte("Password:")))
			return user, s.ReadLine()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			credentials := make(chan [2]string, 1)
			cfg := relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
				_ = s.StartTLS(cert) // the client sees a failure, too
				s.Greet("AUTH LOGIN")
				user, password := dialogue(s)
				credentials <- [2]string{user, password}
				s.Reply("235 2.7.0 welcome")
				s.AcceptAll(ignore)
			}))
			cfg.TLS, cfg.RootCAs = Implicit, x509.NewCertPool()
			cfg.RootCAs.AddCert(ca.cert)
			cfg.Username, cfg.Password = "shop@shop.example", "pässword"
			send(t, newRelay(t, cfg), envelope(1))
			if got := <-credentials; got != [2]string{encode([]byte(cfg.Username)), encode([]byte(cfg.Password))} {
				t.Errorf("the relay heard %q", got)
			}
		})
	}
}
