package app

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"sespan/internal/access"
	"sespan/internal/devtools/pgtest"
)

// A database whose transactions are stricter by default changes nothing: draws and codes of
// many at once are answered, and what is over is wiped and retired.
func TestAStricterDefaultOfTheDatabase(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			db := inUse(t)
			pgtest.CheckCounts(t, db)
			db.Exec(t, "INSERT INTO public.auth_user (username, email, is_active) SELECT 'c' || i, 'c' || i || '@example.com', true FROM generate_series(1, 100) i")
			b := &broken{running: &running{t: t, db: db}, admin: freeAddress(t)}
			b.elsewhere("ALTER DATABASE %I SET default_transaction_isolation = '" + level + "'")
			b.running = serveWith(t, db, nil, "--run=api", "--admin-addr="+b.admin)
			b.key = b.running.key(access.RoleService)
			var clients sync.WaitGroup
			for n := range 4 {
				clients.Go(func() {
					for i := range 10 {
						if got := b.status("/v1/transactions", fmt.Sprintf(`{"customer_id":1,"order_ref":"%d-%d","transaction_amount":"100.00"}`, n, i)); got != http.StatusCreated {
							t.Errorf("a draw is answered %d", got)
						}
						if got := b.status("/v1/otp", fmt.Sprintf(`{"email":"c%d@example.com","purpose":"login"}`, n*10+i)); got != http.StatusAccepted {
							t.Errorf("a code is answered %d", got)
						}
					}
				})
			}
			clients.Wait()
			maintain(b)
		})
	}
}
