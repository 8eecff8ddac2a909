package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sespan/internal/config"
)

// From the signal on /readyz says no, while the public port answers as before and closes
// each connection with its answer.
func TestAProcessThatIsToEndSaysSoFirst(t *testing.T) {
	t.Parallel()
	a := &App{cfg: &config.Serve{}}
	a.cfg.Parts, a.cfg.DrainTime = []string{"api"}, time.Hour
	ready := a.readiness(&readinessChecker{clock: time.Now, checks: []check{{"database", true, func(context.Context) error { return nil }}}})
	server := httptest.NewServer(a.closeWhileDraining(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()
	look := func() (status string, closes bool) {
		t.Helper()
		res, err := server.Client().Get(server.URL)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res, err)
		}
		res.Body.Close()
		return ready(t.Context()).Status, res.Close
	}
	if status, closes := look(); status != "ok" || closes {
		t.Errorf("before: %s, closes %t", status, closes)
	}
	drained := a.drain()
	if status, closes := look(); status != "unavailable" || !closes {
		t.Errorf("while it drains: %s, closes %t", status, closes)
	}
	select {
	case <-drained:
		t.Error("it has not drained for as long as it was told to")
	default:
	}
	a.cfg.Parts = []string{"mail"} // nobody calls it
	<-a.drain()
}
