package postgres_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// fillRecords inserts transactions of a minute each, the last one a day ago: customer 1
// has a third of them; tier 3 has ten, the oldest; tier 4 has the first half, and a hundredth won;
// each thousandth is cancelled.
func (s *shop) fillRecords(t testing.TB, n int) {
	t.Helper()
	s.exec(t, `INSERT INTO sespan.transaction_log (customer_id, order_ref, username, tier_id, discounted, transaction_amount, discounted_amount,
			transaction_time, draw_version, draw_epoch, client_nonce, draw_number, draw_threshold, cancelled_at)
		SELECT CASE WHEN i % 3 = 0 THEN 1 ELSE i % 5000 + 2 END, 'O-' || i, 'somebody', x.tier, i % 100 = 0, 10, CASE WHEN i % 100 = 0 THEN 9 ELSE 10 END, x.at, 1,
			(x.at AT TIME ZONE 'UTC')::date, '', 5, CASE WHEN x.tier IS NOT NULL THEN CASE WHEN i % 100 = 0 THEN 6 ELSE 0 END END,
			CASE WHEN i % 1000 = 0 THEN x.at + interval '1 hour' END
		FROM generate_series(1, $1::int) i, LATERAL (SELECT now() - interval '1 day' - make_interval(mins => $1 - i) AS at,
			CASE WHEN i <= 10 THEN 3 WHEN i <= $1 / 2 THEN 4 WHEN i % 7 = 0 AND i % 100 <> 0 THEN NULL ELSE i % 2 + 1 END AS tier) x`, n)
}

type pagePlan struct {
	Plan struct {
		Hit  int `json:"Shared Hit Blocks"`
		Read int `json:"Shared Read Blocks"`
	}
}

// buffers runs a prepared statement and gives the blocks it looked at.
func buffers(t *testing.T, conn *pgx.Conn, name, args string) int {
	t.Helper()
	var raw string
	if err := conn.QueryRow(t.Context(), fmt.Sprintf("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE %s(%s)", name, args)).Scan(&raw); err != nil {
		t.Fatalf("%s(%s): %v", name, args, err)
	}
	if strings.Contains(raw, `"Seq Scan",`) {
		t.Errorf("%s(%s) looks through a table:\n%s", name, args, raw)
	}
	var plans []pagePlan
	if err := json.Unmarshal([]byte(raw), &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.Hit + plans[0].Plan.Read
}

// Each page costs what the first one costs: deep in the log, of the rarest tier, of a
// customer with very many transactions, and where there is nothing to find.
func TestRecordPagesAreBounded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	conn := s.session(t)
	texts := statements(t)
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_custom_plan"); err != nil { // as Records.db has it
		t.Fatal(err)
	}
	const n = 200_000
	deep := fmt.Sprintf("now() - interval '1 day %d minutes', 5", n*3/4)
	both, won := "'{f,t}'", "'{t}'"
	newest, open := "'9999-01-01', 9", "'0001-01-01'"
	pages := map[string][]string{ // the arguments but for the number of rows
		"TransactionPage": {
			both + "," + open + "," + newest, both + "," + open + "," + deep, won + "," + open + "," + newest, won + "," + open + "," + deep,
			both + ",'9998-01-01'," + newest, both + "," + open + ",'1990-01-01', 1",
		},
		"TransactionPageOfTier": {
			both + ",1," + open + "," + newest, both + ",1," + open + "," + deep, won + ",1," + open + "," + newest, both + ",3," + open + "," + newest,
			both + ",4," + open + "," + newest, both + ",0," + open + "," + newest, won + ",0," + open + "," + newest, both + ",77," + open + "," + newest,
		},
		"TransactionPageOfCustomer": {
			"'{0,1,2,3,4}'," + both + ",1," + open + "," + newest, "'{0,1,2,3,4}'," + both + ",1," + open + "," + deep, "'{3}'," + won + ",1," + open + "," + newest,
			"'{0,1,2,3,4}'," + won + ",1," + open + "," + newest, "'{4}'," + both + ",77," + open + "," + newest, "'{4}'," + both + ",99999," + open + "," + newest,
		},
		"TransactionPageCancelled": {open + "," + newest, open + "," + deep},
		"TransactionPageOfOrder":   {"'O-77', NULL," + open + "," + newest, "'O-77', 77," + open + "," + newest, "'none', NULL," + open + "," + newest},
		"TransactionEntries": {
			both + ",'9999-01-01','0001-01-01',0", both + ",'9999-01-01'," + deep, won + ",'9999-01-01'," + deep, both + ",'1990-01-01','0001-01-01',0",
		},
		"TransactionEntriesOfTier":     {both + ",3,'9999-01-01','0001-01-01',0", both + ",1,'9999-01-01'," + deep, won + ",0,'9999-01-01'," + deep},
		"TransactionEntriesOfCustomer": {"'{0,1,2,3,4}'," + both + ",1,'9999-01-01'," + deep, "'{0,1,2,3,4}'," + won + ",1,'9999-01-01'," + deep},
		"TransactionCancellations":     {"'9999-01-01','0001-01-01',0", "'9999-01-01'," + deep, "'1990-01-01','0001-01-01',0"},
	}
	for name := range pages {
		_, text, _ := strings.Cut(texts[name], "\n")
		if _, err := conn.Exec(t.Context(), "PREPARE "+name+" AS "+text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	s.fillRecords(t, n)
	s.exec(t, "VACUUM ANALYZE sespan.transaction_log")
	for name, list := range pages {
		branches := 2
		if name == "TransactionPageOfCustomer" || name == "TransactionEntriesOfCustomer" {
			branches = 10 // five tiers
		}
		for _, args := range list {
			if got, most := buffers(t, conn, name, args+",50"), branches*(2*50+20); got > most {
				t.Errorf("%s(%s) looks at %d blocks, more than %d", name, args, got, most)
			}
		}
	}
	_, text, _ := strings.Cut(texts["TransactionTiersOfCustomer"], "\n")
	if _, err := conn.Exec(t.Context(), "PREPARE tiers AS "+text); err != nil {
		t.Fatal(err)
	}
	if got := buffers(t, conn, "tiers", "1"); got > 60 {
		t.Errorf("the tiers of a customer: %d blocks", got)
	}
}
