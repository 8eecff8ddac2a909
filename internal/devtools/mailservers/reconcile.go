package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sespan/internal/devtools/poll"
)

const tableHeader = "  server                          setting                     mails delivered  second copies  lost  dead unknown  wrong  altered  conns  hang-ups  complaints\n" +
	"                                                                            steady   restart               states"

// result is what a trial has shown.
type result struct {
	first       map[string]outcome // before the restart
	version     string
	connections int      // before the restart
	disconnects []string // before it: connections that ended without QUIT
	steadyLog   string

	mails, delivered, steadyCopies, restartCopies, lost, dead, unknown, queued int
	wrong, altered, complaints                                                 []string
}

// reconcile compares what was enqueued with what was delivered and what the queue says.
func (t *trial) reconcile(ctx context.Context) error {
	outcomes, err := t.outcomes(ctx)
	if err != nil {
		return err
	}
	copies, err := t.delivered(ctx, outcomes)
	if err != nil {
		return err
	}
	res := &t.result
	for who, w := range t.steady.expected {
		if difference := t.expectedOutcome(w, false).differs(res.first[who], t.software); difference != "" {
			res.wrong = append(res.wrong, "at first, "+who+": "+difference)
		}
		n := distinct(copies[who])
		res.steadyCopies += max(0, n-1)
		t.check(who, w, outcomes[who], copies[who])
	}
	for who, w := range t.burst.expected {
		n := distinct(copies[who])
		res.restartCopies += max(0, n-1)
		if w.kind == "hold" && n > 1 {
			res.wrong = append(res.wrong, who+": arrived twice")
		}
		t.check(who, w, outcomes[who], copies[who])
	}
	for who := range copies {
		if !t.known(who) {
			res.altered = append(res.altered, fmt.Sprintf("a mail for <%s> %+v", who, copies[who]))
		}
	}
	res.complaints = matching(res.steadyLog, complaints)
	return nil
}

// distinct counts the mails that the server accepted: one that it delivered twice, having
// been stopped in between, was accepted once.
func distinct(copies []delivery) int {
	accepted := map[string]bool{}
	for _, c := range copies {
		accepted[c.received] = true
	}
	return len(accepted)
}

// delivered waits until the mailbox holds every mail that the queue calls sent.
func (t *trial) delivered(ctx context.Context, outcomes map[string]outcome) (copies map[string][]delivery, err error) {
	sent := 0
	for _, f := range outcomes {
		if f.state == "sent" {
			sent++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	_ = poll.Until(ctx, time.Second, func() (bool, error) { // what is missing in the end is lost, and counted
		if err = t.server.flush(); err == nil {
			copies, err = t.copies()
		}
		return len(copies) >= sent, err
	})
	return copies, err
}

// check counts what became of one recipient's mail in the end.
func (t *trial) check(who string, w expectation, f outcome, copies []delivery) {
	res := &t.result
	res.mails++
	switch f.state {
	case "dead":
		res.dead++
	case "unknown":
		res.unknown++
	}
	exp := t.expectedOutcome(w, true)
	if difference := exp.differs(f, t.software); difference != "" && (w.kind != "hold" || f.state != "unknown") {
		res.wrong = append(res.wrong, who+": "+difference)
	}
	if len(copies) == 0 {
		switch {
		case exp.state != "sent" || f.state == "unknown":
		case t.queued(f):
			res.queued++
		default:
			res.lost++
		}
		return
	}
	res.delivered++
	if exp.state != "sent" {
		res.wrong = append(res.wrong, who+": delivered")
	}
	found := f.state == "unknown"
	id := t.software.queueID.FindStringSubmatch(f.reply)
	for _, c := range copies {
		if difference := c.differs(w); difference != "" {
			res.altered = append(res.altered, who+": "+difference)
		}
		found = found || id != nil && strings.Contains(c.received, id[1])
	}
	if !found {
		res.wrong = append(res.wrong, fmt.Sprintf("%s: the reply %q names no copy", who, f.reply))
	}
}

// queued reports whether the server still has the mail in its own queue: OpenSMTPD
// postpones a delivery for minutes that its stop has cut short.
func (t *trial) queued(f outcome) bool {
	id := t.software.queueID.FindStringSubmatch(f.reply)
	if t.software.queueDir == "" || id == nil {
		return false
	}
	found, _ := filepath.Glob(t.server.root.at(t.software.queueDir + id[1])) // the pattern is right
	return len(found) == 1
}

// expectedOutcome is what the queue must say.
func (t *trial) expectedOutcome(w expectation, final bool) outcome {
	switch {
	case w.kind == "gone":
		return outcome{state: "dead", reason: "rcpt_to", code: 550}
	case w.kind == "later" && !final:
		return outcome{state: "retry", reason: "rcpt_to", code: 450}
	case w.kind == "large":
		return outcome{state: "dead", reason: t.software.large}
	case w.kind == "utf8" && !t.software.utf8:
		return outcome{state: "dead", reason: "composed"}
	}
	return outcome{state: "sent", relay: t.settings.addr}
}

// differs says how an actual outcome is not this expected one.
func (f outcome) differs(is outcome, sw *software) string {
	switch {
	case f.state == "retry" && is.state == "retry" && is.reason == "breaker", // its domain has a pause after the others
		f.state == "retry" && is.state == "sending" && is.code == f.code: // the next try is under way
		return ""
	case is.state != f.state || is.reason != f.reason || f.code != 0 && is.code != f.code || f.relay != "" && is.relay != f.relay:
	case f.state != "sent" && f.reason != "composed" && is.reply == "":
	case f.state == "sent" && !sw.queueID.MatchString(is.reply):
	default:
		return ""
	}
	return fmt.Sprintf("is %s %s %d %q", is.state, is.reason, is.code, is.reply)
}

// normalize writes an address one way: servers write its domain in Unicode or in Punycode.
func normalize(address string) string {
	return strings.ToLower(strings.Replace(address, "@xn--bcher-kva.", "@bücher.", 1))
}

func (t *trial) known(who string) bool {
	for _, l := range []batch{t.steady, t.burst} {
		if _, ok := l.expected[who]; ok {
			return true
		}
	}
	return false
}

// label names a server and its version in a column.
func label(pkg, version string) string {
	name, _, _ := strings.Cut(pkg, "-")
	return fmt.Sprintf("%.31s", name+" "+version)
}

// print writes the line of a trial with its deviations below, and gives their number.
func (t *trial) print() int {
	r := t.result
	t.Printf("  %-31s %-26s %6d %9d %5d %9d %5d %5d %7d %6d %8d %6d %9d %11d\n", label(t.software.pkg, r.version), t.name, r.mails, r.delivered,
		r.steadyCopies, r.restartCopies, r.lost, r.dead, r.unknown, len(r.wrong), len(r.altered), r.connections, len(r.disconnects), len(r.complaints))
	if r.queued > 0 {
		t.Printf("      %d are in the server's own queue since its restart\n", r.queued)
	}
	for _, list := range [][]string{r.wrong, r.altered, r.disconnects, r.complaints} {
		for _, line := range list[:min(5, len(list))] {
			t.Printf("      %s\n", line)
		}
	}
	return r.steadyCopies + max(0, r.restartCopies-smtpConnections) + r.lost + len(r.wrong) + len(r.altered) + len(r.complaints)
}
