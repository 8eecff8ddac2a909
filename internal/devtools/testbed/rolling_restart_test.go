package testbed

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/smtptest"
)

const (
	rollingClients  = 6
	rollingRestarts = 4 // of both processes together
)

// Two processes are restarted one after the other, again and again, under draws, codes and
// mails: each call is answered as it should be, and each mail is sent once.
func TestARollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	relay := smtptest.NewServer(t, smtptest.Options{WithoutMailBodies: true, Fault: func(turn smtptest.Turn) smtptest.Fault {
		if turn.Phase == smtptest.EndOfData {
			time.Sleep(5 * time.Millisecond) // a relay takes its time, so that a restart meets mails on their way
		}
		return ""
	}})
	settings := []string{"SESPAN_SMTP_URL=smtp://" + relay.Address + "?tls=none", "SESPAN_DRAIN_TIME=250ms"}
	pair := []*Service{serve(t, env, "api,mail,maintenance", settings...), serve(t, env, "api,mail,maintenance", settings...)}
	balancer := newBalancer(t, pair...)
	bearer, err := env.Bearer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	load := &rollingLoad{env: env, url: "http://" + balancer.address, header: http.Header{"Authorization": {bearer}}}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for n := range rollingClients {
		clients.Go(func() { load.run(ctx, t, n) })
	}
	for i := range rollingRestarts {
		s := pair[i%2]
		s.End(syscall.SIGTERM)
		if s.err != nil {
			t.Errorf("the process ended with %v\n%s", s.err, s.Log)
		}
		if pair[i%2], err = env.ServeAgain(t.Context(), s, "api,mail,maintenance", settings...); err != nil {
			t.Fatal(err)
		}
		balancer.await(t, i%2)
	}
	stop()
	clients.Wait()
	load.check(t, relay)
}

// await returns when the balancer has seen that a service is ready.
func (b *balancer) await(t *testing.T, i int) {
	t.Helper()
	if err := poll.Until(t.Context(), lookEvery, func() (bool, error) { return b.backends[i].ready.Load(), nil }); err != nil {
		t.Fatal(err)
	}
}

// rollingLoad calls and enqueues, and remembers what must have come of it.
type rollingLoad struct {
	env    *Env
	url    string
	header http.Header

	mu    sync.Mutex
	draws int
	codes int
	mails []string // recipients
}

// run calls until ctx ends. A call that was begun is waited for.
func (l *rollingLoad) run(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
	defer client.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		status, want := 0, http.StatusCreated
		path, body := "/v1/transactions", map[string]any{"customer_id": i%Customers + 1, "order_ref": fmt.Sprintf("%d-%d", n, i), "transaction_amount": "1000.00"}
		if i%8 == 3 && i/8*rollingClients+n < Customers {
			path, body, want = "/v1/otp", map[string]any{"customer_id": i/8*rollingClients + n + 1, "purpose": "login"}, http.StatusAccepted
		}
		res, err := post(context.WithoutCancel(ctx), client, l.url+path, l.header, body, nil)
		if err == nil {
			status = res.StatusCode
		}
		if status != want {
			t.Errorf("%s: status %d, error %v", path, status, err)
		}
		mail := fmt.Sprintf("mail-%d-%d@example.com", n, i)
		if _, err := l.env.Admin.Exec(context.WithoutCancel(ctx), `SELECT sespan.mail_enqueue(recipient => $1, body_text => 'x')`, mail); err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		l.mails = append(l.mails, mail)
		if path == "/v1/otp" {
			l.codes++
		} else {
			l.draws++
		}
		l.mu.Unlock()
	}
}

// check compares what was answered with what is there.
func (l *rollingLoad) check(t *testing.T, relay *smtptest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := poll.Until(ctx, 50*time.Millisecond, func() (idle bool, err error) {
		err = l.env.Admin.QueryRow(ctx, `SELECT count(*) = 0 FROM sespan.mail_queue`).Scan(&idle)
		return idle, err
	})
	if err != nil {
		t.Fatalf("mails are left: %v", err)
	}
	var draws, rows int
	if err := l.env.Admin.QueryRow(ctx, `SELECT (SELECT count(*) FROM sespan.transaction_log), (SELECT sum(stands_for) FROM sespan.api_log)`).Scan(&draws, &rows); err != nil {
		t.Fatal(err)
	}
	if draws != l.draws || rows != l.draws+l.codes {
		t.Errorf("%d draws were answered and %d are there; %d calls and %d in the log", l.draws, draws, l.draws+l.codes, rows)
	}
	var own []string
	codes := 0
	for _, m := range relay.Received() {
		if strings.HasPrefix(m.To, "mail-") {
			own = append(own, m.To)
		} else {
			codes++
		}
	}
	slices.Sort(own)
	slices.Sort(l.mails)
	if !slices.Equal(own, l.mails) || codes != l.codes {
		t.Errorf("%d mails and %d codes were enqueued, %d and %d were sent (%d different ones)", len(l.mails), l.codes, len(own), codes, len(slices.Compact(own)))
	}
	if l.draws < 50 || l.codes < 5 {
		t.Errorf("only %d draws and %d codes, which show little", l.draws, l.codes)
	}
	t.Logf("%d draws, %d codes and %d mails over %d restarts", l.draws, l.codes, len(l.mails), rollingRestarts)
}
