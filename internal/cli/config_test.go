package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	args := []string{
		"config", "check", "--secret-keys=" + secretKey, "--database-url=postgres://u:hidden-pw@127.0.0.1/shop", "--http-addr=127.0.0.1:81",
		"--smtp-url=smtp://u:hidden-pw@127.0.0.1:1025?tls=none", "--mail-from=Shop <shop@shop.example>",
	}
	out, messages, err := command(t, args...)
	if err != nil || !strings.Contains(messages, "every value is usable") {
		t.Fatalf("%v\n%s", err, messages)
	}
	for _, want := range []string{"SETTING ", "SESPAN_DATABASE_URL ", "SESPAN_HTTP_ADDR "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for variable, want := range map[string]string{"SESPAN_DATABASE_URL": "set flag", "SESPAN_HTTP_ADDR": "127.0.0.1:81 flag", "SESPAN_ADMIN_ADDR": "127.0.0.1:9090 default", "SESPAN_JWKS": "- -"} {
		if got := strings.Join(strings.Fields(strings.TrimPrefix(lineWith(out, variable+" "), variable)), " "); got != want {
			t.Errorf("%s is %q, want %q", variable, got, want)
		}
	}
	if strings.Contains(out+messages, "hidden-pw") || strings.Contains(out, secretKey[2:]) {
		t.Error("it prints a secret")
	}
	var settings []struct {
		Variable, Flag, Value, From string
		Secret                      bool
	}
	if out, _, err = command(t, append(args, "--json")...); err != nil || json.Unmarshal([]byte(out), &settings) != nil || len(settings) < 30 {
		t.Errorf("%d settings, %v\n%s", len(settings), err, out)
	}
}

// Whatever stops serve stops it, with the same line and the code 1.
func TestConfigCheckRefusesWhatServeRefuses(t *testing.T) {
	t.Parallel()
	good := []string{"--secret-keys=" + secretKey, "--database-url=postgres://u:p@127.0.0.1/shop", "--smtp-url=smtp://127.0.0.1:1025?tls=none", "--mail-from=shop@shop.example"}
	for flag, want := range map[string]string{
		"--otp-lifetime=2h":         "SESPAN_OTP_LIFETIME is out of its bounds; choose 1m to 1h",
		"--smtp-url=http://x":       "SESPAN_SMTP_URL cannot be used: ",
		"--smtp-ca-file=/nowhere":   "SESPAN_SMTP_CA_FILE ",
		"--mail-from=":              "SESPAN_MAIL_FROM is not set",
		"--otp-templates=/dev/null": "SESPAN_OTP_TEMPLATES names no folder",
		"--jwks=/nowhere/jwks.json": "SESPAN_JWKS names a file that cannot be read",
	} {
		_, _, err := command(t, append(append([]string{"config", "check"}, good...), flag)...)
		if exitOf(err) != 1 || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q and exit code 1", flag, err, want)
		}
	}
}
