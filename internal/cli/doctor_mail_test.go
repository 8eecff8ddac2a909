package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sespan/internal/app"
	"sespan/internal/config"
	"sespan/internal/devinbox"
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
	text, err := checkRelays(t.Context(), &config.Settings{SMTPURL: url(up) + "," + url(other), SMTPConnections: 1})
	if err != nil || text != up+" takes mail, "+other+" takes mail" {
		t.Errorf("%q %v", text, err)
	}
	_, err = checkRelays(t.Context(), &config.Settings{SMTPURL: url(up) + "," + url(down), SMTPConnections: 1})
	if err == nil || !strings.HasPrefix(err.Error(), down+" does not take mail") {
		t.Errorf("%v", err)
	}
	_, err = checkRelays(t.Context(), &config.Settings{SMTPURL: url(up), SMTPCAFile: "/nowhere"})
	if wrong, ok := errors.AsType[*config.Error](err); !ok || wrong.Variable != "SESPAN_SMTP_CA_FILE" {
		t.Errorf("%v", err)
	}
}

func TestDoctorComparesDKIMWithDNS(t *testing.T) {
	t.Parallel()
	c := &config.Settings{DKIMKeyFile: []string{keyFile(t)}, DKIMSelector: []string{"s1"}, DKIMDomain: "shop.example"}
	s, err := app.Signer(c)
	if err != nil {
		t.Fatal(err)
	}
	answer := s.Keys()[0].Record()
	lookup := func(_ context.Context, name string) ([]string, error) {
		if name != "s1._domainkey.shop.example" {
			return nil, errors.New("no such host")
		}
		return []string{answer}, nil
	}
	if text, err := checkDKIM(t.Context(), c, lookup); err != nil || !strings.Contains(text, "DNS holds the key") {
		t.Errorf("%q %v", text, err)
	}
	answer = "v=DKIM1; p=other"
	if _, err := checkDKIM(t.Context(), c, lookup); err == nil || !strings.Contains(err.Error(), "k=ed25519; p=") {
		t.Errorf("%v does not say what to publish", err)
	}
	if err := os.Chmod(c.DKIMKeyFile[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := checkDKIM(t.Context(), c, lookup); err == nil || !strings.Contains(err.Error(), "SESPAN_DKIM_KEY_FILE") || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("%v", err)
	}
	if text, err := checkDKIM(t.Context(), &config.Settings{}, lookup); err != nil || !strings.HasPrefix(text, "none") {
		t.Errorf("%q %v", text, err)
	}
}
