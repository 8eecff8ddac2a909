package cli

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestServeStopsWithARefusedLogin(t *testing.T) {
	t.Parallel()
	db := pgtest.EmptyDB(t)
	login := db.Login(t, "")
	_, _, err := command(t, "serve", "--run=maintenance", "--admin-addr=127.0.0.1:0", "--secret-keys=1:"+strings.Repeat("A", 43)+"=",
		"--database-url="+db.URLFor(t, login.Name, "not-it"))
	if err == nil || !strings.HasPrefix(err.Error(), "SESPAN_DATABASE_URL is refused by the server: password authentication failed") ||
		strings.Contains(err.Error(), "not-it") || strings.Contains(err.Error(), "\n") {
		t.Errorf("serve with a wrong password: %v", err)
	}
}
