package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/poll"
	"sespan/internal/problem"
)

// A draw that read the customer before the erasure commits after it: its row is gone over
// again, and the erasure does not end before.
func TestErasureWaitsForADrawThatIsUnderWay(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	who := p.find(t)
	tx, err := p.db.Pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.Background())
	_, err = tx.Exec(t.Context(), `SELECT sespan.transaction_announce()`)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, discounted, transaction_amount, discounted_amount, transaction_time, draw_version, draw_epoch, client_nonce, draw_number)
		VALUES (1, 'LATE', 'budi', false, 10, 10, now(), 1, (now() AT TIME ZONE 'UTC')::date, '', 5)`)
	require.NoError(t, err)

	ended := make(chan error, 1)
	go func() {
		_, err := p.data.Erase(context.WithoutCancel(t.Context()), who)
		ended <- err
	}()
	require.NoError(t, poll.Until(t.Context(), 50*time.Millisecond, func() (bool, error) {
		return p.text(t, `SELECT (count(*) = 0)::text FROM sespan.otp WHERE customer_id = 1`) == "true", nil
	}), "the steps before the wait")
	select {
	case err := <-ended:
		t.Fatalf("it has ended before the draw: %v", err)
	default:
	}
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-ended)
	require.Empty(t, p.holding(t, "budi"))
}

// A worker holds the mail: it is told, and gone at the next run.
func TestErasurePassesByAMailThatIsBeingSent(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	p.db.Exec(t, `UPDATE sespan.mail_queue SET state = 'sending', lease_token = 1, leased_until = now() + interval '1 minute' WHERE recipient ILIKE 'budi%'`)
	erased, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, 2, erased["sending"])
	require.Zero(t, erased["cancelled"])
	require.NotEmpty(t, p.text(t, `SELECT string_agg(subject, '') FROM sespan.mail_message WHERE subject <> ''`), "its content is still needed")
	p.db.Exec(t, `UPDATE sespan.mail_queue SET state = 'queued', lease_token = NULL, leased_until = NULL`)
	erased, err = p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, 2, erased["cancelled"])
}

// Others of a mail keep theirs, without this person's address.
func TestErasureOfOneOfSeveralRecipients(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	p.db.Exec(t, `SELECT sespan.mail_enqueue(recipients => '{Budi <Budi@Example.com>,sari@example.com}', subject => 'Both', body_text => 'b')`)
	_, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, "sari@example.com b 1", p.text(t, `SELECT array_to_string(to_addresses, ',') || ' ' || body_text || ' ' || pending FROM sespan.mail_message WHERE subject = 'Both'`))
}

// A code that is typed after the erasure finds no challenge.
func TestErasureEndsCodes(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	var challenge [16]byte
	require.NoError(t, p.db.Pool.QueryRow(t.Context(), `SELECT challenge_id FROM sespan.otp WHERE customer_id = 1`).Scan(&challenge))
	_, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, problem.UnknownChallenge, problem.SlugOf(p.verify(t, challenge, p.typed)))
}

// The plan of each step at a size that matters: an index finds the rows.
func TestErasureOfManyRows(t *testing.T) {
	t.Parallel()
	p := newDataFixture(t)
	p.db.Exec(t, `INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status, outcome, status_details, time_requested, time_responded, elapsed_time, customer_id)
		SELECT gen_random_uuid(), '192.0.2.7', 'OTP', '{"x": "y"}', '{}', 200, 'success', '', now() - make_interval(secs => g), now(), '1 ms', CASE WHEN g % 2 = 0 THEN 1 ELSE 3 + g END FROM generate_series(1, 20000) g`)
	p.db.Exec(t, `ANALYZE sespan.api_log`)
	began := time.Now()
	erased, err := p.data.Erase(t.Context(), p.find(t))
	require.NoError(t, err)
	require.Equal(t, 10060, erased["calls"])
	t.Logf("10,060 rows took %s", time.Since(began))
}
