package config

import (
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// parse reads a command line. Variables of the environment are the process's, so
// the tests of single values go through flags, which kong treats alike.
func parse(t *testing.T, args ...string) (*grammar, error) {
	t.Helper()
	g := &grammar{}
	_, err := Parse(g, Program{Name: "sespan", Out: io.Discard, Err: io.Discard, Exit: func(int) { t.Error("kong wanted to exit") }}, args)
	return g, err
}

// grammar is a command line that has all settings.
type grammar struct {
	Serve Serve `cmd:""`
	Log   Log   `embed:"" prefix:"log-"`
}

var key = "1:" + base64.StdEncoding.EncodeToString(make([]byte, 32))

func usable(more ...string) []string {
	return append([]string{
		"serve", "--database-url=postgres://u:hidden-pw@127.0.0.1/shop", "--secret-keys=" + key,
		"--smtp-url=smtp://127.0.0.1:1025?tls=none", "--mail-from=Shop <shop@example.com>",
	}, more...)
}

func TestUsableSettings(t *testing.T) {
	t.Parallel()
	g, err := parse(t, usable("--trusted-proxies=10.1.2.3/8,::1", "--time-zone=Asia/Jakarta", "--database-direct-url=postgres://direct/shop")...)
	if err != nil {
		t.Fatal(err)
	}
	s := &g.Serve
	if err := s.Resolve(); err != nil {
		t.Fatal(err)
	}
	if len(s.Proxies) != 2 || s.Proxies[0].String() != "10.0.0.0/8" || s.Proxies[1].String() != "::1/128" {
		t.Errorf("proxies are %v", s.Proxies)
	}
	if s.SiteName != "Shop" || s.Ring == nil || s.Location.String() != "Asia/Jakarta" {
		t.Errorf("site %q, ring %v, zone %v", s.SiteName, s.Ring, s.Location)
	}
	if s.HTTPAddr != "127.0.0.1:8080" || s.AdminAddr != "127.0.0.1:9090" || s.RequestTimeout != 10*time.Second {
		t.Errorf("defaults are %s, %s and %s", s.HTTPAddr, s.AdminAddr, s.RequestTimeout)
	}
	if !s.Pooled() || !s.Runs("api") || !s.Runs("mail") || !s.Runs("maintenance") {
		t.Error("with a direct URL the first goes through a pooler, and everything runs by default")
	}
}

// Every wrong value is refused with one line that names the variable and says what to do.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	cases := []struct{ flag, variable, hint string }{
		{"--database-url=", "SESPAN_DATABASE_URL", "set it to postgres://"},
		{"--database-url-file=/nowhere", "SESPAN_DATABASE_URL", "keep one of the two"},
		{"--database-connections=0", "SESPAN_DATABASE_CONNECTIONS", "choose 1 to 1000"},
		{"--database-connections=many", "SESPAN_DATABASE_CONNECTIONS", "expected a valid 32 bit int"},
		{"--api-log-days=0", "SESPAN_API_LOG_DAYS", "choose 1 to 36500"},
		{"--api-log-max-bytes=1000", "SESPAN_API_LOG_MAX_BYTES", "16 MiB"},
		{"--api-log-max-bytes=10GiB", "SESPAN_API_LOG_MAX_BYTES", "must be a whole number"},
		{"--secret-keys=", "SESPAN_SECRET_KEYS", "openssl rand"},
		{"--secret-keys=hidden-pw", "SESPAN_SECRET_KEYS", "openssl rand"},
		{"--secret-keys=1:hidden-pw", "SESPAN_SECRET_KEYS", "openssl rand"},
		{"--http-addr=8080", "SESPAN_HTTP_ADDR", "write host:port"},
		{"--admin-addr=", "SESPAN_ADMIN_ADDR", "write host:port"},
		{"--smtp-url=", "SESPAN_SMTP_URL", "leave mail out of SESPAN_RUN"},
		{"--smtp-connections=65", "SESPAN_SMTP_CONNECTIONS", "choose 1 to 64"},
		{"--mail-from=", "SESPAN_MAIL_FROM", "Shop <"},
		{"--mail-from=shop", "SESPAN_MAIL_FROM", "Shop <"},
		{"--jwks=/nowhere/keys.json", "SESPAN_JWKS", "manage.py sespan_init"},
		{"--jwks=http://shop.example/keys", "SESPAN_JWKS", "an https URL"},
		{"--jwks=https://", "SESPAN_JWKS", "an https URL"},
		{"--allowed-origins=*", "SESPAN_ALLOWED_ORIGINS", "without path or wildcard"},
		{"--allowed-origins=https://shop.example/", "SESPAN_ALLOWED_ORIGINS", "without path or wildcard"},
		{"--trusted-proxies=proxy", "SESPAN_TRUSTED_PROXIES", "10.0.0.0/8"},
		{"--otp-link=/account/code", "SESPAN_OTP_LINK", "without a fragment"},
		{"--otp-link=https://shop.example/#code", "SESPAN_OTP_LINK", "without a fragment"},
		{"--otp-digits=7", "SESPAN_OTP_DIGITS", `must be one of "6","8"`},
		{"--otp-lifetime=2h", "SESPAN_OTP_LIFETIME", "choose 1m to 1h"},
		{"--otp-lifetime=soon", "SESPAN_OTP_LIFETIME", "expected duration"},
		{"--minor-unit=5", "SESPAN_MINOR_UNIT", "choose 0 to 4"},
		{"--time-zone=Mars/Olympus", "SESPAN_TIME_ZONE", "Asia/Jakarta"},
		{"--time-zone=Local", "SESPAN_TIME_ZONE", "Asia/Jakarta"},
		{"--request-timeout=0s", "SESPAN_REQUEST_TIMEOUT", "choose 1s to 1m"},
		{"--run=everything", "SESPAN_RUN", `must be one of "api","mail","announce","maintenance"`},
		{"--run=", "SESPAN_RUN", "leave it out"},
		{"--log-level=loud", "SESPAN_LOG_LEVEL", "must be one of"},
		{"--log-format=xml", "SESPAN_LOG_FORMAT", "must be one of"},
	}
	for _, c := range cases {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			g, err := parse(t, usable(c.flag)...)
			if err == nil {
				err = g.Serve.Resolve()
			}
			if err == nil {
				t.Fatal("it was taken")
			}
			text := err.Error()
			if !strings.HasPrefix(text, c.variable+" ") || !strings.Contains(text, c.hint) || strings.Contains(text, "\n") {
				t.Errorf("the error is %q; want one line that begins with %s and says %q", text, c.variable, c.hint)
			}
			if strings.Contains(text, "hidden-pw") {
				t.Errorf("the error shows a secret: %q", text)
			}
		})
	}
}

// A process without the mail worker needs no mail server.
func TestMailSettingsAreOnlyForMail(t *testing.T) {
	t.Parallel()
	g, err := parse(t, usable("--run=api", "--smtp-url=", "--mail-from=")...)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve.Resolve(); err != nil {
		t.Error(err)
	}
}

func TestSecretsInFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := []string{
		"serve", "--run=api", "--database-url-file=" + file("url", "postgres://u:pw@127.0.0.1/shop\n"),
		"--secret-keys-file=" + file("keys", key+"\n"),
	}
	g, err := parse(t, good...)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve.Resolve(); err != nil {
		t.Fatal(err)
	}
	if g.Serve.URL != "postgres://u:pw@127.0.0.1/shop" {
		t.Errorf("the URL is %q, with the line's end", g.Serve.URL)
	}
	for _, path := range []string{filepath.Join(folder, "none"), folder, file("large", strings.Repeat("x", maxSecretFile+1))} {
		g, err := parse(t, "serve", "--run=api", "--database-url-file="+path, "--secret-keys="+key)
		if err != nil {
			t.Fatal(err)
		}
		err = g.Serve.Resolve()
		if setting, ok := errors.AsType[*Error](err); !ok || setting.Variable != "SESPAN_DATABASE_URL_FILE" {
			t.Errorf("%s gives %v, want an error of SESPAN_DATABASE_URL_FILE", path, err)
		}
	}
}
