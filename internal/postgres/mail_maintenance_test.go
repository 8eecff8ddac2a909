package postgres_test

import (
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/postgres"
)

// A round takes all that is over, however much came due since the last one: a shop
// that enqueues faster than a portion a round would keep its keys for ever.
func TestMailMaintenanceKeepsUp(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	mailExec(t, db, `INSERT INTO sespan.mail_idempotency (idempotency_key, message_id, created_at, fingerprint, expires_at)
		SELECT 'k' || i, i, now() - interval '8 days', '\x00', now() + make_interval(secs => CASE WHEN i > 3500 THEN 60 ELSE -60 END) FROM generate_series(1, 3600) i`)
	if err := postgres.NewMail(openMailPool(t, db.ServiceURL(t))).Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := mailValue[int](t, db, "SELECT count(*) FROM sespan.mail_idempotency"); n != 100 {
		t.Errorf("%d keys are left, want the 100 that still count", n)
	}
}
