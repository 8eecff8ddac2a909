package config

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func parsed(t *testing.T, args ...string) *kong.Context {
	t.Helper()
	ctx, err := Parse(&grammar{}, Program{Name: "sespan", Out: io.Discard, Err: io.Discard, Exit: func(int) {}}, args)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// What is shown is what counts, where it came from, and never a secret.
func TestEffectiveSettings(t *testing.T) {
	t.Parallel()
	file := envFile(t, "SESPAN_DATABASE_URL=postgres://u:hidden-pw@127.0.0.1/shop\nSESPAN_SITE_NAME=\"A shop\"\nSESPAN_OTP_LIFETIME=5m\n")
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := parsed(t, "serve", "--env-file="+file, "--secret-keys-file="+keys, "--otp-lifetime=20m", "--allowed-origins=https://a.example,https://b.example",
		"--smtp-url=smtp://u:hidden-pw@127.0.0.1:1025?tls=none", "--mail-from=shop@shop.example")
	settings := map[string]Setting{}
	for _, s := range Effective(ctx) {
		if strings.Contains(s.Value+s.From, "hidden") || strings.Contains(s.Value, "AAAA") {
			t.Errorf("%+v shows a secret", s)
		}
		settings[s.Variable] = s
	}
	for variable, want := range map[string][2]string{
		"SESPAN_DATABASE_URL": {"set", "env file"}, "SESPAN_SECRET_KEYS": {"set", keys}, "SESPAN_SITE_NAME": {"A shop", "env file"},
		"SESPAN_OTP_LIFETIME": {"20m0s", "flag"}, "SESPAN_HTTP_ADDR": {"127.0.0.1:8080", "default"}, "SESPAN_LOG_LEVEL": {"info", "default"},
		"SESPAN_ALLOWED_ORIGINS": {"https://a.example,https://b.example", "flag"}, "SESPAN_SMTP_URL": {"set", "flag"}, "SESPAN_MAIL_EVENT_KEYS": {"", "default"},
	} {
		if got := settings[variable]; got.Value != want[0] || got.From != want[1] {
			t.Errorf("%s is %q from %q, want %q", variable, got.Value, got.From, want)
		}
	}
	files := SecretFiles(ctx)
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"--env-file", "SESPAN_SECRET_KEYS_FILE"}) {
		t.Errorf("the files of secrets are those of %v", got)
	}
}

// A name that is spelled wrongly sets nothing, which somebody should say.
func TestUnknownVariables(t *testing.T) {
	t.Setenv("SESPAN_HTP_ADDR", "127.0.0.1:1")
	t.Setenv("SESPAN_HTTP_ADDR", "127.0.0.1:2")
	t.Setenv("SESPAN_TEST_DATABASE_URL", "x")
	ctx := parsed(t, usable("--env-file="+envFile(t, "SESPAN_OTP_LIVETIME=5m\nOTHER=1\n"))...)
	if got := Unknown(ctx); !slices.Equal(got, []string{"SESPAN_HTP_ADDR", "SESPAN_OTP_LIVETIME"}) {
		t.Errorf("%v", got)
	}
	for _, s := range Effective(ctx) {
		if s.Variable == "SESPAN_HTTP_ADDR" && (s.From != "environment" || s.Value != "127.0.0.1:2") {
			t.Errorf("%+v", s)
		}
	}
}

// What may stand in a file of its own is a secret, and every secret may: a new one of
// either kind that forgets the other would be shown.
func TestSecretsAreMarked(t *testing.T) {
	t.Parallel()
	flags := flagsOf(parsed(t, usable()...))
	secrets := 0
	for _, f := range flags {
		name, inFile := strings.CutSuffix(f.Name, "-file")
		of := slices.IndexFunc(flags, func(o *kong.Flag) bool { return o.Name == name })
		if inFile && of >= 0 && !Secret(flags[of]) {
			t.Errorf("--%s has a file and is not marked as secret", name)
		}
		if Secret(f) {
			secrets++
			if fileOf(flags, f) == nil {
				t.Errorf("--%s is secret and cannot stand in a file", f.Name)
			}
		}
	}
	if secrets < 5 {
		t.Errorf("only %d secrets", secrets)
	}
}
