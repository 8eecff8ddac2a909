package demo

import (
	"bytes"
	"context"
	_ "embed" // the tiers
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

//go:embed tiers.json
var tiers []byte

// prepareSespan runs what a site runs once: sespan init, and the grants for its
// own login.
func (d *demo) prepareSespan(ctx context.Context) error {
	err := d.run(ctx, command{name: "init", args: []string{
		d.Sespan, "init", "--dsn", d.database.shop, "--table", "public.accounts_customer",
		"--key-file", d.path("service.key"), "--env-file", d.path("serve.env"),
	}})
	if err != nil {
		return err
	}
	return d.grantShop(ctx)
}

func (d *demo) startInbox(ctx context.Context) error {
	return d.start(ctx, command{
		name: "inbox", args: []string{d.Sespan, "inbox"},
		env: []string{"SESPAN_INBOX_SMTP_ADDR=" + address(d.ports.smtp), "SESPAN_INBOX_HTTP_ADDR=" + address(d.ports.inbox)},
	}, link(d.ports.inbox, "/"))
}

// startServe starts the service as its own login, with the settings that init
// wrote and the addresses of this run.
func (d *demo) startServe(ctx context.Context) error {
	kept, err := d.keptSettings()
	if err != nil {
		return err
	}
	return d.start(ctx, command{
		name: "serve", args: []string{d.Sespan, "serve"},
		env: append(kept,
			"SESPAN_HTTP_ADDR="+address(d.ports.api), "SESPAN_ADMIN_ADDR="+address(d.ports.admin),
			"SESPAN_SMTP_URL=smtp://"+address(d.ports.smtp)+"?tls=none",
			"SESPAN_MAIL_FROM="+mailFrom, "SESPAN_SITE_COLOR=#2f6b54", "SESPAN_TIME_ZONE="+zone,
			"SESPAN_JWKS="+d.path("checkout.pem.jwks.json"),
			"SESPAN_ALLOWED_ORIGINS="+link(d.ports.shop, "")+",http://localhost:"+fmt.Sprint(d.ports.shop),
			"SESPAN_OTP_LINK="+link(d.ports.shop, "/account/code/"),
		),
	}, link(d.ports.admin, "/readyz"))
}

// keptSettings are the secrets that init made; the database's port is this run's.
func (d *demo) keptSettings() ([]string, error) {
	raw, err := os.ReadFile(d.path("serve.env"))
	if err != nil {
		return nil, err
	}
	var kept []string
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"`)
		switch name {
		case "SESPAN_SECRET_KEYS":
			kept = append(kept, name+"="+value)
		case "SESPAN_DATABASE_URL":
			value, err = withHost(value, address(d.ports.postgres))
			kept = append(kept, name+"="+value)
		}
	}
	return kept, err
}

// seedTiers puts the demonstration's tiers in place when there are none: what a
// person has changed stays.
func (d *demo) seedTiers(ctx context.Context) error {
	key, err := d.adminKey(ctx)
	if err != nil {
		return err
	}
	var have struct {
		Tiers []json.RawMessage `json:"tiers"`
	}
	if err := d.call(ctx, key, http.MethodGet, nil, &have); err != nil || len(have.Tiers) > 0 {
		return err
	}
	return d.call(ctx, key, http.MethodPut, tiers, &have)
}

// adminKey makes a key of role admin once.
func (d *demo) adminKey(ctx context.Context) (string, error) {
	path := d.path("admin.key")
	if raw, err := os.ReadFile(path); err == nil && len(raw) > 0 { //nolint:gosec // our own file
		return strings.TrimSpace(string(raw)), nil
	}
	err := d.run(ctx, command{
		name: "key", args: []string{d.Sespan, "keys", "create", "--role", "admin", "--name", "demo"},
		env: []string{"SESPAN_DATABASE_URL=" + d.database.shop},
	})
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(d.logFile("key"))
	if err != nil {
		return "", err
	}
	lines := strings.Fields(string(raw))
	key := lines[len(lines)-1]
	if err := os.Remove(d.logFile("key")); err != nil {
		return "", err
	}
	return key, os.WriteFile(path, []byte(key+"\n"), 0o600) //nolint:gosec // below our own folder
}

func (d *demo) call(ctx context.Context, key, method string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, link(d.ports.api, "/v1/tiers"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s /v1/tiers answered %s: %s", method, resp.Status, raw)
	}
	return json.Unmarshal(raw, answer)
}
