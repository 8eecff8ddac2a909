package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/devinbox"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/smtp"
)

func keyFile(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dkim.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nowhere has a listener neither now nor later: its port is none that the system
// gives to whoever asks for any.
const nowhere = "127.0.0.1:1"

// startInbox starts a mail server that takes everything and gives its address.
func startInbox(t *testing.T) string {
	t.Helper()
	box, err := devinbox.New(devinbox.Options{SMTPAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Keep: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return box.SMTPAddr()
}

// TestDoctorLooksAtEveryRelay: a fail-over that does not work is known before it is needed.
func TestDoctorLooksAtEveryRelay(t *testing.T) {
	t.Parallel()
	up, other, down := startInbox(t), startInbox(t), nowhere
	url := func(address string) string { return "smtp://" + address + "?tls=none" }
	x := examineSettings(t)
	ask := func(urls string) string { x.settings.SMTPURL = urls; return told(x.checkRelays(t.Context())) }
	if got := ask(url(up) + "," + url(other)); got != "ok: "+up+" takes mail, in clear\nok: "+other+" takes mail, in clear" {
		t.Error(got)
	}
	says(t, ask(url(up)+","+url(down)), "ok: "+up, "\nwrong: "+down+" does not take mail: connect: ", "→ see that it runs")
	says(t, ask(""), "wrong: SESPAN_SMTP_URL is not set")
	x.settings.SMTPCAFile = "/nowhere"
	says(t, ask(url(up)), "wrong: SESPAN_SMTP_CA_FILE", "→ name a file of PEM certificates")
}

// relayAt is a mail server with TLS whose certificate is of that name and ends then.
func relayAt(t *testing.T, name string, ends time.Time, o smtptest.Options) (address, caFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, IPAddresses: []net.IP{net.ParseIP(name)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Certificate = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return smtptest.NewServer(t, o).Address, caFile
}

// The dialogue as far as a mail would go: TLS, certificate, AUTH. No password is shown.
func TestDoctorSpeaksWithRelays(t *testing.T) {
	t.Parallel()
	late := time.Now().Add(90 * 24 * time.Hour)
	const password = "hidden-pw"
	for name, c := range map[string]struct {
		host                string
		ends                time.Time
		password            string
		untrusted, implicit bool
		want                string
		mend                string
	}{
		"well":           {"127.0.0.1", late, password, false, false, "ok: ADDRESS takes mail, TLS 1.3, logged in, certificate until " + late.UTC().Format(time.DateOnly), ""},
		"implicit":       {"127.0.0.1", late, password, false, true, "ok: ADDRESS takes mail, TLS 1.3, logged in", ""},
		"another's name": {"192.0.2.7", late, password, false, false, "wrong: ADDRESS does not take mail: tls: ", "bear the host's name"},
		"an unknown CA":  {"127.0.0.1", late, password, true, false, "wrong: ADDRESS does not take mail: tls: ", "SESPAN_SMTP_CA_FILE"},
		"ended":          {"127.0.0.1", time.Now().Add(-time.Hour), password, false, false, "wrong: ADDRESS does not take mail: tls: ", "the certificate must be valid"},
		"ends soon":      {"127.0.0.1", time.Now().Add(5*24*time.Hour + time.Hour), password, false, false, "warning: ADDRESS takes mail, TLS 1.3, logged in; its certificate ends in 5 days", "have the certificate renewed"},
		"refused AUTH":   {"127.0.0.1", late, "another", false, false, "wrong: ADDRESS does not take mail: auth: 535", "correct user and password in SESPAN_SMTP_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, ca := relayAt(t, c.host, c.ends, smtptest.Options{Password: c.password, ImplicitTLS: c.implicit})
			if c.untrusted {
				_, ca = relayAt(t, c.host, c.ends, smtptest.Options{})
			}
			x := examineSettings(t)
			x.settings.SMTPCAFile, x.settings.SMTPURL = ca, "smtp://shop:"+password+"@"+address+"?tls=starttls"
			if c.implicit {
				x.settings.SMTPURL = "smtp://shop:" + password + "@" + address + "?tls=implicit"
			}
			got := told(x.checkRelays(t.Context()))
			says(t, got, strings.ReplaceAll(c.want, "ADDRESS", address), c.mend)
			if strings.Contains(got, password) {
				t.Error(got)
			}
		})
	}
}

func TestDoctorWarnsOfMailsInClear(t *testing.T) {
	t.Parallel()
	says(t, told(judgeRelay("mail.shop.co:25", smtp.Dialogue{}, nil, time.Now())), "warning: mail.shop.co:25 takes mail, in clear: whoever is on the way reads codes", "→ add tls=starttls")
	x := examineSettings(t)
	x.settings.Parts = []string{"api"}
	says(t, told(x.checkRelays(t.Context())), "not_checked: this process sends no mail")
}
