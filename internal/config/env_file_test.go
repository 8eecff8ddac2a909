package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func envFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sespan.env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A flag wins over the file, the file over the default.
func TestSettingsInAFile(t *testing.T) {
	t.Parallel()
	path := envFile(t, `
# made by sespan init
SESPAN_DATABASE_URL="postgres://u:pw@127.0.0.1/shop?sslmode=disable"
SESPAN_SECRET_KEYS="`+key+`"
export SESPAN_SMTP_URL='smtp://u:a$b@127.0.0.1:1025?tls=none'
SESPAN_MAIL_FROM="Shop <shop@example.com>"
SESPAN_ALLOWED_ORIGINS=https://a.example,https://b.example
SESPAN_HTTP_ADDR="127.0.0.1:1"
SESPAN_REQUEST_TIMEOUT=3s
`)
	g, err := parse(t, "serve", "--env-file="+path, "--http-addr=127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	s := &g.Serve
	if err := s.Resolve(); err != nil {
		t.Fatal(err)
	}
	if s.URL != "postgres://u:pw@127.0.0.1/shop?sslmode=disable" || s.SMTPURL != "smtp://u:a$b@127.0.0.1:1025?tls=none" {
		t.Errorf("the URLs are %q and %q", s.URL, s.SMTPURL)
	}
	if len(s.AllowedOrigins) != 2 || s.RequestTimeout.Seconds() != 3 || s.HTTPAddr != "127.0.0.1:2" || s.AdminAddr != "127.0.0.1:9090" {
		t.Errorf("origins %v, timeout %v, addresses %s and %s", s.AllowedOrigins, s.RequestTimeout, s.HTTPAddr, s.AdminAddr)
	}
}

func TestWrongFiles(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"SESPAN_HTTP_ADDR=\"half":        "line 1 is no setting",
		"\nnonsense":                     "line 2 is no setting",
		"SESPAN_MAIL_FROM=Shop <hidden>": "line 1 is no setting",
		"SESPAN_SMTP_URL=\"$(hidden)\"":  "line 1 is no setting",
		"SESPAN_SMTP_URL='hid'den'":      "line 1 is no setting",
		"SESPAN_DATABASE_CONNECTIONS=x":  "expected a valid 32 bit int",
	} {
		_, err := parse(t, "serve", "--env-file="+envFile(t, content))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hid") {
			t.Errorf("%q gives %v, want %q", content, err, want)
		}
	}
	if _, err := parse(t, "serve", "--env-file=/nowhere/sespan.env"); err == nil || !strings.HasPrefix(err.Error(), "--env-file cannot be read") {
		t.Errorf("a missing file gives %v", err)
	}
}

// What Quote writes is what the file gives.
func TestQuoteAndBack(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "plain", "Shop <no-reply@shop.example>", "smtp://u:p$w@h?tls=none", `back\slash`, "it's", "# no comment"} {
		quoted, ok := Quote(value)
		if !ok {
			t.Errorf("%q is refused", value)
			continue
		}
		if got, ok := unquote(quoted); !ok || got != value {
			t.Errorf("%q is written as %s and read as %q, %v", value, quoted, got, ok)
		}
	}
	for _, value := range []string{"two\nlines", `both ' and $`} {
		if quoted, ok := Quote(value); ok {
			t.Errorf("%q is written as %s", value, quoted)
		}
	}
}

// A file that the settings name lies beside them, wherever the command is started.
func TestFilesBesideTheSettings(t *testing.T) {
	t.Parallel()
	file := envFile(t, "SESPAN_DATABASE_URL_FILE=url\nSESPAN_SECRET_KEYS_FILE=/etc/keys\nSESPAN_JWKS=https://shop.example/keys.json\n"+
		"SESPAN_DKIM_KEY_FILE=one.pem,/etc/two.pem\nSESPAN_OTP_TEMPLATES=mails\n")
	g, err := parse(t, "serve", "--env-file="+file, "--smtp-ca-file=ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(file)
	for got, want := range map[string]string{
		g.Serve.URLFile: filepath.Join(folder, "url"), g.Serve.SecretKeysFile: "/etc/keys", g.Serve.JWKS: "https://shop.example/keys.json",
		strings.Join(g.Serve.DKIMKeyFile, ","): filepath.Join(folder, "one.pem") + ",/etc/two.pem", g.Serve.OTPTemplates: filepath.Join(folder, "mails"),
		g.Serve.SMTPCAFile: "ca.pem",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
