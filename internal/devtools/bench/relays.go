package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

var (
	//go:embed relays_states.sql
	relaysStatesSQL string
	//go:embed relays_hurry.sql
	relaysHurrySQL string
	//go:embed relays_left.sql
	relaysLeftSQL string
	//go:embed relays_rest.sql
	relaysRestSQL string
	//go:embed relays_sent.sql
	relaysSentSQL string
)

const (
	relayRush  = 2000 // ordinary mails before the restart of the mail server, and beside it
	relayBatch = 250  // mails of one mail_enqueue_batch

	relayPatience = 6 * time.Minute // for one case
)

var errRelays = errors.New("something is off with a mail server, see above")

// relayCase is a mail server with one of its settings.
type relayCase struct {
	name    string
	kind    *relayKind
	setting relaySetting
}

func relayCases(release string) []relayCase {
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
	cases := []relayCase{
		{"CHUNKING", postfix(), relaySetting{chunking: true, options: postfixSet("normalize", "yes")}},
		{"no CHUNKING", postfix(), relaySetting{options: postfixSet("reject", "no")}},
		{"no CHUNKING, STARTTLS", postfix(), relaySetting{tls: true, options: postfixSet("normalize", "no")}},
		{"CHUNKING, STARTTLS", postfix(), relaySetting{tls: true, chunking: true, options: postfixSet("reject", "yes")}},
		{"no CHUNKING, rate limit", postfix(), relaySetting{few: true, options: slow}},
		{"no CHUNKING, postscreen", postfix(), relaySetting{more: "postscreen", options: screen}},
		{"CHUNKING", exim(), relaySetting{chunking: true}},
		{"no CHUNKING", exim(), relaySetting{}},
		{"no CHUNKING, 20 mails", exim(), relaySetting{more: "smtp_accept_max_per_connection = 20"}},
		{"no CHUNKING, TLS, AUTH", exim(), relaySetting{tls: true, auth: true}},
		{"CHUNKING, TLS, AUTH", exim(), relaySetting{tls: true, auth: true, chunking: true}},
		{"as it comes", opensmtpd(), relaySetting{}},
	}
	if release != "bookworm" { // whose OpenSMTPD 6.8 fails every handshake with OpenSSL 3, s_client's too
		cases = append(cases, relayCase{"STARTTLS, AUTH", opensmtpd(), relaySetting{tls: true, auth: true}})
	}
	return cases
}

// benchRelays sends through real mail servers and compares what they delivered,
// what they logged and what the queue says.
func benchRelays(ctx context.Context, e *env) error {
	keys, err := newRelayKeys(e.dir)
	if err != nil {
		return err
	}
	off, tried := 0, 0
	for _, release := range strings.Split(e.debian, ",") {
		d, err := newDebian(ctx, release)
		if err != nil {
			return err
		}
		e.printf("\nDebian %s\n%s\n", release, relayHead)
		for _, c := range relayCases(release) {
			if !strings.Contains(c.kind.pkg+" "+c.name, e.only) {
				continue
			}
			tried++
			t, err := tryRelay(ctx, e.options, d, c, keys)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil: // the others are worth trying
				e.printf("  %s, %s: %v\n", c.kind.pkg, c.name, err)
				off++
			default:
				off += t.print()
			}
		}
	}
	switch {
	case tried == 0:
		return fmt.Errorf("-only %s: no mail server with its setting, as in the table, has this in its name", e.only)
	case off > 0:
		return errRelays
	}
	return nil
}

// relayTry is one case under way.
type relayTry struct {
	*env
	relayCase
	relayKeys
	server *relayServer
	calm   letters // sent while nothing is wrong
	rough  letters // sent beside the restart
	result relayResult
}

func tryRelay(ctx context.Context, o options, d *debian, c relayCase, keys relayKeys) (*relayTry, error) {
	ctx, cancel := context.WithTimeout(ctx, relayPatience)
	defer cancel()
	e, err := newEnv(ctx, o)
	if err != nil {
		return nil, err
	}
	defer e.close()
	r, err := d.newRoot(ctx, c.kind.pkg, filepath.Join(e.dir, "root"))
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // a folder
	err = keys.install(r)
	t := &relayTry{env: e, relayCase: c, relayKeys: keys, calm: letters{wants: map[string]want{}}, rough: letters{wants: map[string]want{}}}
	t.result.version = versionIn(r.dir)
	t.setting.addr = freeAddress()
	t.server = &relayServer{kind: c.kind, root: r, setting: t.setting}
	defer t.server.stop()
	if err == nil {
		err = t.run(ctx)
	}
	if err != nil {
		err = t.explain(context.WithoutCancel(ctx), err)
	}
	return t, err
}

// explain adds to an error what everybody has to say.
func (t *relayTry) explain(ctx context.Context, err error) error {
	var left, worker string
	_ = t.admin.QueryRow(ctx, relaysLeftSQL).Scan(&left) // the first error counts
	for _, s := range t.services {
		worker += s.log.String()
	}
	return fmt.Errorf("%w\nleft in the queue:\n%s\nthe worker's log ends:\n%s\nthe mail server's log ends:\n%s", err, left, worker, last(t.server.journal(), 2000))
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

// run is the whole course of a try.
func (t *relayTry) run(ctx context.Context) error {
	if err := t.server.start(ctx); err != nil {
		return err
	}
	worker, err := t.work(ctx)
	if err != nil {
		return err
	}
	before := t.greetings()
	t.calm.rush("calm", t.rush()/2)
	t.calm.special("calm")
	t.calm.rush("then", t.rush()/2)
	if err := t.enqueue(ctx, t.calm.mails); err != nil {
		return err
	}
	if err := t.rest(ctx, true); err != nil {
		return err
	}
	t.result.connections = t.greetings() - before
	t.result.hangUps = matching(t.server.journal(), hangUps)
	if t.result.first, err = t.fates(ctx); err != nil {
		return err
	}
	if err := t.restart(ctx); err != nil {
		return err
	}
	if err := t.rest(ctx, false); err != nil {
		return err
	}
	worker.stop()
	return t.balance(ctx)
}

// rush is the number of ordinary mails of each half.
func (t *relayTry) rush() int {
	switch {
	case t.quick:
		return relayRush / 10
	case t.setting.few:
		return relayRush / 4
	default:
		return relayRush
	}
}

// work starts the service that sends to the mail server.
func (t *relayTry) work(ctx context.Context) (*service, error) {
	user, policy := "", "tls=none"
	if t.setting.tls {
		policy = "tls=starttls&ca_file=" + t.caFile
	}
	if t.setting.auth {
		user = "shop:s3cret@"
	}
	return t.spawn(ctx, "mail", "SESPAN_SMTP_URL=smtp://"+user+t.setting.addr+"?"+policy, fmt.Sprintf("SESPAN_SMTP_CONNECTIONS=%d", mailConnections),
		"SESPAN_DKIM_KEY_FILE="+t.dkimFile, "SESPAN_DKIM_SELECTOR=relays", "SESPAN_DKIM_DOMAIN=shop.example")
}

func (t *relayTry) greetings() int { return len(matching(t.server.journal(), t.kind.greeted)) }

func (t *relayTry) enqueue(ctx context.Context, mails []relayMail) error {
	for from := 0; from < len(mails); from += relayBatch {
		text, err := json.Marshal(mails[from:min(from+relayBatch, len(mails))])
		if err != nil {
			return err
		}
		if _, err := t.admin.Exec(ctx, mailBatchSQL, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// rest waits until every mail is done, or with waiting: has been tried. What waits
// only because the world is slow is hurried.
func (t *relayTry) rest(ctx context.Context, waiting bool) error {
	var rest bool
	return until(ctx, 250*time.Millisecond, func() (bool, error) {
		_, err := t.admin.Exec(ctx, relaysHurrySQL, !waiting)
		if err != nil {
			return false, err
		}
		err = t.admin.QueryRow(ctx, relaysRestSQL, waiting).Scan(&rest)
		return rest, err
	})
}

// restart ends the mail server in the middle of a rush and starts it again; then it
// takes the mails that were to come later.
func (t *relayTry) restart(ctx context.Context) error {
	t.rough.rush("rough", t.rush())
	if err := t.enqueue(ctx, t.rough.mails); err != nil {
		return err
	}
	err := until(ctx, 10*time.Millisecond, func() (bool, error) {
		var sent int
		err := t.admin.QueryRow(ctx, relaysSentSQL, "rough").Scan(&sent)
		return sent >= t.rush()/10, err
	})
	if err != nil {
		return err
	}
	t.result.calmLog = t.server.journal()
	t.server.stop()
	t.server.setting.second = true
	return t.server.start(ctx)
}
