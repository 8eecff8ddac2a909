package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
)

var (
	//go:embed enqueue.sql
	enqueueSQL string
	//go:embed states.sql
	statesSQL string
	//go:embed skip_backoff.sql
	skipBackoffSQL string
	//go:embed queue_summary.sql
	queueSummarySQL string
	//go:embed idle.sql
	idleSQL string
	//go:embed sent.sql
	sentSQL string
)

const (
	bulkMails    = 2000 // ordinary mails before the restart of the mail server, and during it
	enqueueBatch = 250  // mails of one mail_enqueue_batch

	smtpConnections = 4 // of the worker

	trialTimeout = 6 * time.Minute // of one setup
)

// setup is a mail server with one of its settings.
type setup struct {
	name     string
	software *software
	settings settings
}

func setups(release string) []setup {
	postfixSet := func(bare, late string) map[string]string {
		return map[string]string{"smtpd_forbid_bare_newline": bare, "smtpd_delay_reject": late}
	}
	slow := postfixSet("normalize", "yes")
	slow["smtpd_client_message_rate_limit"], slow["anvil_rate_time_unit"] = "200", "10s"
	screen := postfixSet("normalize", "yes")
	for name, value := range map[string]string{
		"access_list": "", "greet_wait": "2s", "greet_action": "enforce", "cache_map": "btree:$data_directory/postscreen_cache",
		"pipelining_enable": "yes", "pipelining_action": "enforce", "non_smtp_command_enable": "yes", "bare_newline_enable": "yes", "bare_newline_action": "enforce",
	} {
		screen["postscreen_"+name] = value
	}
	cases := []setup{
		{"CHUNKING", postfix(), settings{chunking: true, options: postfixSet("normalize", "yes")}},
		{"no CHUNKING", postfix(), settings{options: postfixSet("reject", "no")}},
		{"no CHUNKING, STARTTLS", postfix(), settings{tls: true, options: postfixSet("normalize", "no")}},
		{"CHUNKING, STARTTLS", postfix(), settings{tls: true, chunking: true, options: postfixSet("reject", "yes")}},
		{"no CHUNKING, rate limit", postfix(), settings{reduced: true, options: slow}},
		{"no CHUNKING, postscreen", postfix(), settings{extra: "postscreen", options: screen}},
		{"CHUNKING", exim(), settings{chunking: true}},
		{"no CHUNKING", exim(), settings{}},
		{"no CHUNKING, 20 mails", exim(), settings{extra: "smtp_accept_max_per_connection = 20"}},
		{"no CHUNKING, TLS, AUTH", exim(), settings{tls: true, auth: true}},
		{"CHUNKING, TLS, AUTH", exim(), settings{tls: true, auth: true, chunking: true}},
		{"as it comes", opensmtpd(), settings{}},
	}
	if release != "bookworm" { // whose OpenSMTPD 6.8 fails every handshake with OpenSSL 3, s_client's too
		cases = append(cases, setup{"STARTTLS, AUTH", opensmtpd(), settings{tls: true, auth: true}})
	}
	return cases
}

// trial is one setup under way.
type trial struct {
	*testbed.Env
	setup
	credentials

	quick  bool
	server *server
	steady batch // sent while nothing is wrong
	burst  batch // sent during the restart
	result result
}

func runTrial(ctx context.Context, o options, d *release, c setup, creds credentials) (*trial, error) {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	e, err := testbed.New(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	r, err := d.newRoot(ctx, c.software.pkg, filepath.Join(e.Folder, "root"))
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // a folder
	err = creds.install(r)
	t := &trial{Env: e, setup: c, credentials: creds, quick: o.quick, steady: batch{expected: map[string]expectation{}}, burst: batch{expected: map[string]expectation{}}}
	t.result.version = versionIn(r.dir)
	t.settings.addr = testbed.FreeAddress()
	t.server = &server{software: c.software, root: r, settings: t.settings}
	defer t.server.stop()
	if err == nil {
		err = t.run(ctx)
	}
	if err != nil {
		err = t.explain(context.WithoutCancel(ctx), err)
	}
	return t, err
}

// explain adds to an error the state of the queue and the ends of the logs.
func (t *trial) explain(ctx context.Context, err error) error {
	var remaining, worker string
	_ = t.Admin.QueryRow(ctx, queueSummarySQL).Scan(&remaining) // the first error counts
	for _, s := range t.Services {
		worker += s.Log.String()
	}
	return fmt.Errorf("%w\nleft in the queue:\n%s\nthe worker's log ends:\n%s\nthe mail server's log ends:\n%s", err, remaining, worker, last(t.server.log(), 2000))
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

// run is the whole course of a trial.
func (t *trial) run(ctx context.Context) error {
	if err := t.server.start(ctx); err != nil {
		return err
	}
	worker, err := t.startWorker(ctx)
	if err != nil {
		return err
	}
	before := t.greetings()
	t.steady.addBulk("steady", t.bulk()/2)
	t.steady.addSpecial("steady")
	t.steady.addBulk("then", t.bulk()/2)
	if err := t.enqueue(ctx, t.steady.mails); err != nil {
		return err
	}
	if err := t.waitIdle(ctx, true); err != nil {
		return err
	}
	t.result.connections = t.greetings() - before
	t.result.disconnects = matching(t.server.log(), disconnects)
	if t.result.first, err = t.outcomes(ctx); err != nil {
		return err
	}
	if err := t.restart(ctx); err != nil {
		return err
	}
	if err := t.waitIdle(ctx, false); err != nil {
		return err
	}
	worker.Stop()
	return t.reconcile(ctx)
}

// bulk is the number of ordinary mails of each half.
func (t *trial) bulk() int {
	switch {
	case t.quick:
		return bulkMails / 10
	case t.settings.reduced:
		return bulkMails / 4
	default:
		return bulkMails
	}
}

// startWorker starts the service that sends to the mail server.
func (t *trial) startWorker(ctx context.Context) (*testbed.Service, error) {
	user, policy := "", "tls=none"
	if t.settings.tls {
		policy = "tls=starttls&ca_file=" + t.caFile
	}
	if t.settings.auth {
		user = "shop:s3cret@"
	}
	return t.Serve(ctx, "mail", "SESPAN_SMTP_URL=smtp://"+user+t.settings.addr+"?"+policy, fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", smtpConnections),
		"SESPAN_DKIM_KEY_FILE="+t.dkimFile, "SESPAN_DKIM_SELECTOR=relays", "SESPAN_DKIM_DOMAIN=shop.example")
}

func (t *trial) greetings() int { return len(matching(t.server.log(), t.software.greeted)) }

func (t *trial) enqueue(ctx context.Context, mails []message) error {
	for from := 0; from < len(mails); from += enqueueBatch {
		text, err := json.Marshal(mails[from:min(from+enqueueBatch, len(mails))])
		if err != nil {
			return err
		}
		if _, err := t.Admin.Exec(ctx, enqueueSQL, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// waitIdle waits until every mail is finished, or with deferred: until "later" recipients
// have been tried. It does not wait for the backoff between tries.
func (t *trial) waitIdle(ctx context.Context, deferred bool) error {
	var idle bool
	return poll.Until(ctx, 250*time.Millisecond, func() (bool, error) {
		_, err := t.Admin.Exec(ctx, skipBackoffSQL, !deferred)
		if err != nil {
			return false, err
		}
		err = t.Admin.QueryRow(ctx, idleSQL, deferred).Scan(&idle)
		return idle, err
	})
}

// restart stops the mail server in the middle of a burst and starts it again; then it
// accepts the "later" recipients.
func (t *trial) restart(ctx context.Context) error {
	t.burst.addBulk("burst", t.bulk())
	if err := t.enqueue(ctx, t.burst.mails); err != nil {
		return err
	}
	err := poll.Until(ctx, 10*time.Millisecond, func() (bool, error) {
		var sent int
		err := t.Admin.QueryRow(ctx, sentSQL, "burst").Scan(&sent)
		return sent >= t.bulk()/10, err
	})
	if err != nil {
		return err
	}
	t.result.steadyLog = t.server.log()
	t.server.stop()
	t.server.settings.restarted = true
	return t.server.start(ctx)
}
