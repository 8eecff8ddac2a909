package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The page that is committed is what the program says of itself.
func TestThePageIsFresh(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := write(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/configuration.md is stale (%v): run make generate", err)
	}
	for _, row := range []string{
		"| `SESPAN_DATABASE_URL`<br>`--database-url` | required | ", "**Secret**; or in the file that `SESPAN_SECRET_KEYS_FILE` names",
		"| `SESPAN_SMTP_URL`<br>`--smtp-url` | required for mail | ", "| `SESPAN_OTP_LIFETIME`<br>`--otp-lifetime` | `10m` | ", "| inbox |", "\n## Other commands\n",
	} {
		if strings.Count(want.String(), row) == 0 {
			t.Errorf("the page does not hold %q", row)
		}
	}
	for line := range strings.Lines(want.String()) {
		if strings.HasPrefix(line, "| `SESPAN_") && strings.Count(line, " | ") != 3 {
			t.Errorf("a row has not four cells: %s", line)
		}
	}
}
