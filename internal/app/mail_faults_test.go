package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
	"sespan/internal/smtp"
)

const impatience = 400 * time.Millisecond // of the sender, in each phase

// deliverTo runs a worker that sends to the relays until the test ends.
func deliverTo(t testing.TB, db *pgtest.DB, change func(*mail.WorkerConfig), relays ...*mailServer) {
	t.Helper()
	var configs []smtp.Config
	for _, r := range relays {
		host, port, err := net.SplitHostPort(r.Address)
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, smtp.Config{
			Host: host, Port: port, TLS: smtp.None,
			Timeouts: smtp.Timeouts{Connect: impatience, Command: impatience, Data: impatience, Final: impatience},
		})
	}
	sender, err := smtp.NewRelays(configs, smtp.RelaysOptions{Pause: func(int) time.Duration { return 200 * time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.Open(t.Context(), postgres.Options{URL: db.URL, GenericPlans: true})
	if err != nil {
		t.Fatal(err)
	}
	c := mail.WorkerConfig{
		Store: postgres.NewMail(pool), Sender: sender, From: "Shop <shop@shop.example>", Connections: 4, Senders: sender.Concurrency(),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), PollWithoutNotify: 20 * time.Millisecond,
		Jitter: func() float64 { return 0 }, // every wait is the shortest
	}
	if change != nil {
		change(&c)
	}
	worker, err := mail.NewWorker(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { worker.Run(ctx) })
	t.Cleanup(func() {
		stop()
		wg.Wait()
		closing, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = sender.Close(closing)
		pool.Close()
	})
}

// enqueueTo puts one mail for each recipient.
func enqueueTo(t testing.TB, db *pgtest.DB, onUnknown string, recipients ...string) {
	t.Helper()
	db.Exec(t, `SELECT sespan.mail_enqueue(recipient => r, subject => r, body_text => 'x', on_unknown => $2) FROM unnest($1::text[]) r`, recipients, onUnknown)
}

func numbered(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

// settled waits until so many rows are in a final state or unknown.
func settled(t *testing.T, db *pgtest.DB, n int, within time.Duration) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		states, total := map[string]int{}, 0
		rows, err := db.Pool.Query(ctx, `SELECT state, count(*)::int FROM sespan.mail_outcome GROUP BY state
			UNION ALL SELECT state, count(*)::int FROM sespan.mail_queue WHERE state = 'unknown' GROUP BY state`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var state string
			var count int
			if err := rows.Scan(&state, &count); err != nil {
				t.Fatal(err)
			}
			states[state] += count
			total += count
		}
		if rows.Close(); total == n {
			return states
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after %v: %v, want %d", within, states, n)
		}
	}
}

// TestSMTPFaultsDelayNoNeighbour: whatever the relay does to one kind of mail, at
// whatever phase, the mails behind it go out while it hangs.
func TestSMTPFaultsDelayNoNeighbour(t *testing.T) {
	t.Parallel()
	for _, phase := range []smtptest.Phase{smtptest.RCPT, smtptest.DATA, smtptest.Body, smtptest.EndOfData} {
		for _, what := range []smtptest.Fault{smtptest.Hang, smtptest.Drop, smtptest.Garbage, smtptest.Endless, "421 4.3.0 closing", "450 4.3.0 later", "550 5.7.1 never"} {
			if phase == smtptest.Body && what != smtptest.Drop {
				continue
			}
			t.Run(string(phase)+" "+string(what[:min(len(what), 7)]), func(t *testing.T) {
				t.Parallel()
				db := pgtest.NewDB(t)
				r := startMailServer(t, smtptest.Options{Fault: func(at smtptest.Turn) smtptest.Fault {
					if at.Phase == phase && strings.HasPrefix(at.Recipient, "poison") {
						return what
					}
					return smtptest.None
				}})
				enqueueTo(t, db, "retry", numbered("poison%d@b.co", 3)...)
				enqueueTo(t, db, "retry", numbered("good%d@b.co", 60)...)
				deliverTo(t, db, nil, r)
				r.wait(t, 60, time.Minute)
				_, duplicates, lost, _ := r.sum()
				_, taken, _ := r.seen()
				for to, n := range taken {
					if strings.HasPrefix(to, "good") && n != 1 {
						t.Errorf("%s came %d times", to, n)
					}
				}
				if phase != smtptest.EndOfData && duplicates+lost != 0 {
					t.Errorf("%d duplicates and %d lost answers before the dot", duplicates, lost)
				}
			})
		}
	}
}

// TestSMTPFaultsOfTheRelay: it closes after some messages, greets slowly, offers a
// size that it does not mean, has bad moments at every phase. Nothing is lost; a mail
// comes twice only where the answer to its final dot was lost, and never where
// on_unknown is hold.
func TestSMTPFaultsOfTheRelay(t *testing.T) {
	t.Parallel()
	chaos := func(share float64) func(smtptest.Turn) smtptest.Fault {
		var mu sync.Mutex
		source := rand.New(rand.NewPCG(1, 2))
		kinds := []smtptest.Fault{smtptest.Hang, smtptest.Drop, smtptest.Garbage, smtptest.Endless, "421 4.3.2 closing", "451 4.3.0 later"}
		return func(smtptest.Turn) smtptest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if source.Float64() >= share {
				return smtptest.None
			}
			return kinds[source.IntN(len(kinds))]
		}
	}
	const mails = 150
	chunking := []string{"PIPELINING", "CHUNKING"}
	for name, o := range map[string]smtptest.Options{
		"closes after 3": {MailsPerConn: 3},
		"closes after 1": {MailsPerConn: 1},
		"no pipelining":  {Extensions: []string{"8BITMIME"}},
		"greets slowly":  {Fault: greetsSlowly},
		"421 now and then": {Fault: func(at smtptest.Turn) smtptest.Fault {
			if at.N%17 == 3 {
				return "421 4.3.2 closing"
			}
			return smtptest.None
		}},
		"chaos":              {Fault: chaos(0.03)},
		"chaos in chunks":    {Fault: chaos(0.03), Extensions: chunking},
		"chunks, close at 3": {MailsPerConn: 3, Extensions: chunking},
		"chaos, one by one":  {Fault: chaos(0.03), Extensions: []string{"SIZE 1"}},
	} {
		for _, policy := range []string{"retry", "hold"} {
			t.Run(name+" "+policy, func(t *testing.T) {
				t.Parallel()
				db := pgtest.NewDB(t)
				r := startMailServer(t, o)
				enqueueTo(t, db, policy, numbered("m%d@b.co", mails)...)
				deliverTo(t, db, nil, r)
				states := settled(t, db, mails, 2*time.Minute)
				delivered, duplicates, lost, cut := r.sum()
				t.Logf("enqueued %d, delivered %d, duplicates %d, answers lost %d, cut off %d, states %v", mails, delivered, duplicates, lost, cut, states)
				if policy == "retry" && states["sent"] != mails {
					t.Errorf("states %v, want all sent", states)
				}
				// A message that was cut off may have been given to the kernel whole: it is unknown, too.
				if policy == "hold" && (states["sent"]+states["unknown"] != mails || duplicates != 0 ||
					states["unknown"] < lost || states["unknown"] > lost+cut || mails-delivered > states["unknown"]-lost) {
					t.Errorf("states %v, %d came, %d answers lost, %d cut off, %d duplicates", states, delivered, lost, cut, duplicates)
				}
				if policy == "retry" && delivered != mails {
					t.Errorf("%d mails never came", mails-delivered)
				}
				copies, taken, lostOf := r.seen()
				for to, n := range copies {
					if n > 1+lostOf[to] || taken[to] > 1 {
						t.Errorf("%s came %d times, %d answers were lost", to, n, lostOf[to])
					}
				}
			})
		}
	}
}

// greetsSlowly lets every other connection wait longer than the sender's time limit.
func greetsSlowly(at smtptest.Turn) smtptest.Fault {
	if at.Phase == smtptest.Greeting && at.N%2 == 1 {
		return smtptest.Hang
	}
	return smtptest.None
}

// TestFailOverOfTheQueue: the preferred relay dies in the middle of a drain and comes
// back. Every mail arrives, an unknown one is not given to the other relay unless its
// policy is retry, and at the end the preferred one works again.
func TestFailOverOfTheQueue(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	var mu sync.Mutex
	dead, well := false, false
	first := startMailServer(t, smtptest.Options{Fault: func(at smtptest.Turn) smtptest.Fault {
		mu.Lock()
		defer mu.Unlock()
		dead = dead || !well && at.Phase == smtptest.EndOfData && at.N >= 50
		if dead {
			return smtptest.Drop
		}
		return smtptest.None
	}})
	second := startMailServer(t, smtptest.Options{})
	enqueueTo(t, db, "retry", numbered("again%d@b.co", 100)...)
	enqueueTo(t, db, "hold", numbered("hold%d@b.co", 100)...)
	deliverTo(t, db, nil, first, second)
	states := settled(t, db, 200, time.Minute)
	heldUnknown := 0
	_, _, lost := first.seen()
	copies, taken, _ := second.seen()
	for to, n := range lost {
		if strings.HasPrefix(to, "hold") {
			if heldUnknown++; copies[to] > 0 {
				t.Errorf("%s is unknown and was given to the other relay", to)
			}
		} else if copies[to] != n {
			t.Errorf("%s: its policy is retry, the other relay got it %d times", to, copies[to])
		}
	}
	if states["unknown"] != heldUnknown || states["sent"] != 200-heldUnknown {
		t.Errorf("states %v, %d held mails lost their answer", states, heldUnknown)
	}
	if len(taken) < 100 {
		t.Errorf("the fail-over took %d mails", len(taken))
	}
	mu.Lock()
	dead, well = false, true
	mu.Unlock()
	for n := range 100 {
		to := fmt.Sprintf("back%d@b.co", n)
		enqueueTo(t, db, "retry", to)
		settled(t, db, 201+n, time.Minute)
		if _, taken, _ := first.seen(); taken[to] > 0 {
			return
		}
	}
	t.Error("the preferred relay never had a mail again")
}
