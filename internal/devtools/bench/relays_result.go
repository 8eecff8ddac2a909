package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

const relayHead = "  server                          setting                     mails delivered  second copies  lost  dead unknown  wrong  altered  conns  hang-ups  complaints\n" +
	"                                                                              calm   restart               states"

// relayResult is what a try has shown.
type relayResult struct {
	first       map[string]fate // before the restart
	version     string
	connections int      // of the calm part
	hangUps     []string // in it: connections that ended without QUIT
	calmLog     string

	mails, delivered, calmCopies, roughCopies, lost, dead, unknown, waiting int
	wrong, altered, complaints                                              []string
}

// balance compares what was enqueued with what was delivered and what the queue says.
func (t *relayTry) balance(ctx context.Context) error {
	fates, err := t.fates(ctx)
	if err != nil {
		return err
	}
	copies, err := t.delivered(ctx, fates)
	if err != nil {
		return err
	}
	res := &t.result
	for who, w := range t.calm.wants {
		if told := t.expected(w, false).differs(res.first[who], t.kind); told != "" {
			res.wrong = append(res.wrong, "at first, "+who+": "+told)
		}
		n := distinct(copies[who])
		res.calmCopies += max(0, n-1)
		t.judge(who, w, fates[who], copies[who])
	}
	for who, w := range t.rough.wants {
		n := distinct(copies[who])
		res.roughCopies += max(0, n-1)
		if w.sort == "hold" && n > 1 {
			res.wrong = append(res.wrong, who+": arrived twice")
		}
		t.judge(who, w, fates[who], copies[who])
	}
	for who := range copies {
		if !t.known(who) {
			res.altered = append(res.altered, fmt.Sprintf("a mail for <%s> %+v", who, copies[who]))
		}
	}
	res.complaints = matching(res.calmLog, complaints)
	return nil
}

// distinct counts the mails that the server took: one that it delivered twice, having
// been stopped in between, was taken once.
func distinct(copies []copied) int {
	taken := map[string]bool{}
	for _, c := range copies {
		taken[c.received] = true
	}
	return len(taken)
}

// delivered waits until the mailbox holds every mail that the queue calls sent.
func (t *relayTry) delivered(ctx context.Context, fates map[string]fate) (copies map[string][]copied, err error) {
	sent := 0
	for _, f := range fates {
		if f.state == "sent" {
			sent++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	_ = until(ctx, time.Second, func() (bool, error) { // what is missing in the end is lost, and counted
		if err = t.server.flush(); err == nil {
			copies, err = t.copies()
		}
		return len(copies) >= sent, err
	})
	return copies, err
}

// judge notes what became of one recipient's mail in the end.
func (t *relayTry) judge(who string, w want, f fate, copies []copied) {
	res := &t.result
	res.mails++
	switch f.state {
	case "dead":
		res.dead++
	case "unknown":
		res.unknown++
	}
	e := t.expected(w, true)
	if told := e.differs(f, t.kind); told != "" && (w.sort != "hold" || f.state != "unknown") {
		res.wrong = append(res.wrong, who+": "+told)
	}
	if len(copies) == 0 {
		switch {
		case e.state != "sent" || f.state == "unknown":
		case t.waits(f):
			res.waiting++
		default:
			res.lost++
		}
		return
	}
	res.delivered++
	if e.state != "sent" {
		res.wrong = append(res.wrong, who+": delivered")
	}
	found := f.state == "unknown"
	id := t.kind.queueID.FindStringSubmatch(f.reply)
	for _, c := range copies {
		if told := c.differs(w); told != "" {
			res.altered = append(res.altered, who+": "+told)
		}
		found = found || id != nil && strings.Contains(c.received, id[1])
	}
	if !found {
		res.wrong = append(res.wrong, fmt.Sprintf("%s: the reply %q names no copy", who, f.reply))
	}
}

// waits says whether the server has the mail in its own queue still: OpenSMTPD puts a
// delivery off for minutes that its stop has cut short.
func (t *relayTry) waits(f fate) bool {
	id := t.kind.queueID.FindStringSubmatch(f.reply)
	if t.kind.waiting == "" || id == nil {
		return false
	}
	found, _ := filepath.Glob(t.server.root.at(t.kind.waiting + id[1])) // the pattern is right
	return len(found) == 1
}

// expected is what the queue shall say; more than a state where the server decides.
func (t *relayTry) expected(w want, finally bool) fate {
	switch {
	case w.sort == "gone":
		return fate{state: "dead", reason: "rcpt_to", code: 550}
	case w.sort == "later" && !finally:
		return fate{state: "retry", reason: "rcpt_to", code: 450}
	case w.sort == "large":
		return fate{state: "dead", reason: t.kind.large}
	case w.sort == "utf8" && !t.kind.utf8:
		return fate{state: "dead", reason: "composed"}
	}
	return fate{state: "sent", relay: t.setting.addr}
}

// differs says how another fate is not this one.
func (f fate) differs(is fate, kind *relayKind) string {
	switch {
	case f.state == "retry" && is.state == "retry" && is.reason == "breaker", // its domain has a pause after the others
		f.state == "retry" && is.state == "sending" && is.code == f.code: // the next try is under way
		return ""
	case is.state != f.state || is.reason != f.reason || f.code != 0 && is.code != f.code || f.relay != "" && is.relay != f.relay:
	case f.state != "sent" && f.reason != "composed" && is.reply == "":
	case f.state == "sent" && !kind.queueID.MatchString(is.reply):
	default:
		return ""
	}
	return fmt.Sprintf("is %s %s %d %q", is.state, is.reason, is.code, is.reply)
}

// alike writes an address one way: servers have its domain in either alphabet.
func alike(address string) string {
	return strings.ToLower(strings.Replace(address, "@xn--bcher-kva.", "@bücher.", 1))
}

func (t *relayTry) known(who string) bool {
	for _, l := range []letters{t.calm, t.rough} {
		if _, ok := l.wants[who]; ok {
			return true
		}
	}
	return false
}

// short names a server and its version in a column.
func short(pkg, version string) string {
	name, _, _ := strings.Cut(pkg, "-")
	return fmt.Sprintf("%.31s", name+" "+version)
}

// print writes the line of a try, what is off below it, and gives how much that is.
func (t *relayTry) print() int {
	r := t.result
	t.printf("  %-31s %-26s %6d %9d %5d %9d %5d %5d %7d %6d %8d %6d %9d %11d\n", short(t.kind.pkg, r.version), t.name, r.mails, r.delivered,
		r.calmCopies, r.roughCopies, r.lost, r.dead, r.unknown, len(r.wrong), len(r.altered), r.connections, len(r.hangUps), len(r.complaints))
	if r.waiting > 0 {
		t.printf("      %d are in the server's own queue since its restart\n", r.waiting)
	}
	for _, list := range [][]string{r.wrong, r.altered, r.hangUps, r.complaints} {
		for _, line := range list[:min(5, len(list))] {
			t.printf("      %s\n", line)
		}
	}
	return r.calmCopies + max(0, r.roughCopies-mailConnections) + r.lost + len(r.wrong) + len(r.altered) + len(r.complaints)
}
