package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
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

// TestServeWithRelays: the whole service with a dead preferred relay, a rate and a key.
// The mail goes to the fail-over, signed; /readyz tells of both.
func TestServeWithRelays(t *testing.T) {
	t.Parallel()
	up, down, admin := startMailServer(t, smtptest.Options{}), nowhere, freeAddress(t)
	s := serve(t, "--run=api,mail,maintenance", "--admin-addr="+admin, "--mail-from=Shop <no-reply@shop.example>",
		"--smtp-url=smtp://"+down+"?tls=none,smtp://"+up.Address+"?tls=none&connections=2",
		"--smtp-rate=1000", "--smtp-domain-rate=slow.example=0.001",
		"--dkim-key-file="+keyFile(t), "--dkim-selector=s1")
	enqueueTo(t, s.db, "retry", "a@b.co", "a@slow.example", "b@slow.example", "c@slow.example", "d@slow.example")
	up.wait(t, 2, time.Minute)
	deadline(t, s.db, "SELECT count(*) > 1 FROM sespan.mail_queue WHERE state = 'retry' AND last_reason = 'limited' AND attempts = 0 AND due_at > now() + interval '5 minutes'")
	deadline(t, s.db, "SELECT count(*) = 1 FROM sespan.mail_outcome WHERE recipient = 'a@b.co' AND reply = 'queued as a@b.co' AND relay = '"+up.Address+"'")
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
