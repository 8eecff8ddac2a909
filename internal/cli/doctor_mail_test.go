package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

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
