package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
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

// TestDoctorLooksAtEveryRelay: a fail-over that does not work is known before it is needed.
func TestDoctorLooksAtEveryRelay(t *testing.T) {
	t.Parallel()
	up, other, down := startFaultRelay(t, nil), startFaultRelay(t, nil), nowhere
	url := func(address string) string { return "smtp://" + address + "?tls=none" }
	text, err := lookAtRelays(t.Context(), &config.Settings{SMTPURL: url(up.address) + "," + url(other.address), SMTPConnections: 1})
	if err != nil || text != up.address+" takes mail, "+other.address+" takes mail" {
		t.Errorf("%q %v", text, err)
	}
	_, err = lookAtRelays(t.Context(), &config.Settings{SMTPURL: url(up.address) + "," + url(down), SMTPConnections: 1})
	if err == nil || !strings.HasPrefix(err.Error(), down+" does not take mail") {
		t.Errorf("%v", err)
	}
	_, err = lookAtRelays(t.Context(), &config.Settings{SMTPURL: url(up.address), SMTPCAFile: "/nowhere"})
	if wrong, ok := errors.AsType[*config.Error](err); !ok || wrong.Variable != "SESPAN_SMTP_CA_FILE" {
		t.Errorf("%v", err)
	}
}

func TestDoctorComparesDKIMWithDNS(t *testing.T) {
	t.Parallel()
	c := &config.Settings{DKIMKeyFile: []string{keyFile(t)}, DKIMSelector: []string{"s1"}, DKIMDomain: "shop.example"}
	s, err := dkimSigner(c)
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
	if text, err := lookAtDKIM(t.Context(), c, lookup); err != nil || !strings.Contains(text, "DNS holds the key") {
		t.Errorf("%q %v", text, err)
	}
	answer = "v=DKIM1; p=other"
	if _, err := lookAtDKIM(t.Context(), c, lookup); err == nil || !strings.Contains(err.Error(), "k=ed25519; p=") {
		t.Errorf("%v does not say what to publish", err)
	}
	if err := os.Chmod(c.DKIMKeyFile[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := lookAtDKIM(t.Context(), c, lookup); err == nil || !strings.Contains(err.Error(), "SESPAN_DKIM_KEY_FILE") || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("%v", err)
	}
	if text, err := lookAtDKIM(t.Context(), &config.Settings{}, lookup); err != nil || !strings.HasPrefix(text, "none") {
		t.Errorf("%q %v", text, err)
	}
}

// TestServeWithRelays: the whole service with a dead preferred relay, a rate and a key.
// The mail goes to the fail-over, signed; /readyz tells of both.
func TestServeWithRelays(t *testing.T) {
	t.Parallel()
	up, down, admin := startFaultRelay(t, nil), nowhere, freeAddress(t)
	s := serve(t, "--run=mail", "--admin-addr="+admin, "--mail-from=Shop <no-reply@shop.example>",
		"--smtp-url=smtp://"+down+"?tls=none,smtp://"+up.address+"?tls=none&connections=2",
		"--smtp-rate=1000", "--smtp-domain-rate=slow.example=0.001",
		"--dkim-key-file="+keyFile(t), "--dkim-selector=s1")
	enqueueTo(t, s.db, "retry", "a@b.co", "a@slow.example", "b@slow.example", "c@slow.example", "d@slow.example")
	up.wait(t, 2, time.Minute)
	deadline(t, s.db, "SELECT count(*) > 1 FROM sespan.mail_queue WHERE state = 'retry' AND last_reason = 'limited' AND attempts = 0 AND due_at > now() + interval '5 minutes'")
	deadline(t, s.db, "SELECT count(*) = 1 FROM sespan.mail_outcome WHERE recipient = 'a@b.co' AND reply = 'queued as a@b.co' AND relay = '"+up.address+"'")
	if !strings.HasPrefix(up.last("a@b.co"), "DKIM-Signature: ") || !strings.Contains(up.last("a@b.co"), "d=shop.example") {
		t.Errorf("not signed: %.200q", up.last("a@b.co"))
	}
	var ready struct {
		Status string
		Checks map[string]string
	}
	response, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	if ready.Checks["smtp"] != "ok" || ready.Checks["smtp relay 2"] != "ok" || !strings.Contains(ready.Checks["smtp relay 1"], "connect") {
		t.Errorf("%+v", ready)
	}
}

// deadline polls a condition of the database; no signal tells of it.
func deadline(t *testing.T, db *pgtest.DB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		var ok bool
		if err := db.Pool.QueryRow(ctx, sql).Scan(&ok); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if ok {
			return
		}
		<-tick.C
	}
}
