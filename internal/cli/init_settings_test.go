package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
)

// With everything given, the file that init writes is one that serve reads as it is.
func TestInitWritesWhatServeReads(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	path := filepath.Join(t.TempDir(), "sespan.env")
	_, messages, err := command(t, "init", "--no-roles", "--dsn="+db.URL, "--env-file="+path, "--jwks=",
		"--site-url=https://shop.example:8443/id", "--smtp-url=smtp://u:p$w@mail.example:587?tls=starttls", "--mail-from=Shop <shop@shop.example>")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(messages, "adapt") {
		t.Errorf("nothing is left to adapt, but it says: %s", messages)
	}
	line := &CLI{}
	if _, err := config.Parse(line, config.Program{Name: "sespan"}, []string{"serve", "--env-file=" + path}); err != nil {
		t.Fatal(err)
	}
	s := &line.Serve
	if err := s.Resolve(); err != nil {
		t.Fatal(err)
	}
	if s.OTPLink != "https://shop.example:8443/id/account/code/" || len(s.AllowedOrigins) != 1 || s.AllowedOrigins[0] != "https://shop.example:8443" {
		t.Errorf("link %q, origins %q", s.OTPLink, s.AllowedOrigins)
	}
	if s.SMTPURL != "smtp://u:p$w@mail.example:587?tls=starttls" || s.SiteName != "Shop" {
		t.Errorf("mail goes to %q as %q", s.SMTPURL, s.SiteName)
	}
}

func TestInitNamesWhatIsLeftToAdapt(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	db.Exec(t, siteTable)
	path := filepath.Join(t.TempDir(), "sespan.env")
	_, messages, err := command(t, "init", "--no-roles", "--dsn="+db.URL, "--env-file="+path, "--mail-from=shop@shop.example")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(messages, "adapt SESPAN_SMTP_URL, SESPAN_ALLOWED_ORIGINS, SESPAN_OTP_LINK; then: sespan serve --env-file "+path) {
		t.Errorf("it says: %s", messages)
	}
	if content, err := os.ReadFile(path); err != nil || !strings.Contains(string(content), `SESPAN_MAIL_FROM="shop@shop.example"`) {
		t.Errorf("%s: %v", content, err)
	}
	for _, address := range []string{"shop.example", "ftp://shop.example", "https://shop.example/?x"} {
		if _, _, err := command(t, "init", "--no-roles", "--dsn="+db.URL, "--site-url="+address); err == nil || !strings.HasPrefix(err.Error(), "--site-url is not an address") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
