package app

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
)

// faultRelay is an SMTP server that misbehaves where the test says so.
type faultRelay struct {
	address string
	extras  []string                                   // of the EHLO reply
	fault   func(phase, recipient string, n int) fault // n counts the phase's turns from 1; nil: none
	after   int                                        // mails that a connection takes; 0: any number

	mu     sync.Mutex
	turns  map[string]int
	copies map[string]int    // by recipient: messages that came whole, answered or not
	taken  map[string]int    // of these, answered with 250
	lost   map[string]int    // of these, whose answer was lost
	text   map[string]string // the last message, as the wire had it
	cut    map[string]int    // by recipient: hung up on while the message came
	open   map[net.Conn]struct{}
	done   chan string // each recipient whose mail was taken
}

// fault is what the relay does instead of the right thing.
type fault string

const (
	none    fault = ""
	stall   fault = "stall"
	drop    fault = "drop"
	garbage fault = "garbage"
	endless fault = "endless"
	// Anything else is a reply, such as 421 4.3.0 closing; a 421 ends the connection.
)

func startFaultRelay(t testing.TB, change func(*faultRelay)) *faultRelay {
	t.Helper()
	r := &faultRelay{
		extras: []string{"PIPELINING", "SIZE 100"}, turns: map[string]int{}, copies: map[string]int{}, taken: map[string]int{},
		lost: map[string]int{}, cut: map[string]int{}, text: map[string]string{}, open: map[net.Conn]struct{}{}, done: make(chan string, 100_000),
	}
	if change != nil {
		change(r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.address = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.open[c] = struct{}{}
			r.mu.Unlock()
			wg.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		for c := range r.open {
			_ = c.Close()
		}
		r.mu.Unlock()
		wg.Wait()
	})
	return r
}

// dialogue is one connection.
type dialogue struct {
	net.Conn
	relay     *faultRelay
	in        *bufio.Reader
	recipient string
	refused   bool // MAIL or RCPT was
}

func (r *faultRelay) serve(c net.Conn) {
	d := &dialogue{Conn: c, relay: r, in: bufio.NewReader(c)}
	defer func() {
		_ = c.Close()
		r.mu.Lock()
		delete(r.open, c)
		r.mu.Unlock()
	}()
	if !d.answer("greeting", "220 relay.example ESMTP") {
		return
	}
	for mails := 0; r.after == 0 || mails < r.after; {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		well := true
		switch verb {
		case "EHLO":
			well = d.answer("EHLO", "250-relay.example\r\n250-"+strings.Join(r.extras, "\r\n250-")+"\r\n250 HELP")
		case "MAIL":
			d.refused, d.recipient = false, ""
			well = d.answer("MAIL", "250 2.1.0 ok")
		case "RCPT":
			d.recipient = strings.Trim(strings.TrimSpace(line)[len("RCPT TO:"):], "<>")
			well = d.answer("RCPT", "250 2.1.5 ok")
		case "DATA":
			if well = d.answer("DATA", "354 go ahead"); well && !d.refused {
				mails++
				well = d.message()
			}
		case "BDAT":
			var size int64
			if _, err := fmt.Sscanf(line, "BDAT %d LAST", &size); err != nil {
				return
			}
			if d.cutOff() {
				return
			}
			if _, err := io.CopyN(io.Discard, d.in, size); err != nil {
				return
			}
			if d.refused {
				well = d.answer("BDAT", "")
				break
			}
			mails++
			well = d.end()
		case "QUIT":
			_, _ = io.WriteString(d, "221 2.0.0 bye\r\n")
			return
		default:
			_, _ = io.WriteString(d, "250 2.0.0 ok\r\n")
		}
		if !well {
			return
		}
	}
}

// answer says the reply or does the fault; false ends the connection.
func (d *dialogue) answer(phase, reply string) bool {
	r := d.relay
	r.mu.Lock()
	r.turns[phase]++
	n := r.turns[phase]
	r.mu.Unlock()
	what := none
	if d.refused && phase != "MAIL" {
		what = "503 5.5.1 bad sequence"
	} else if r.fault != nil {
		what = r.fault(phase, d.recipient, n)
	}
	switch what {
	case none:
		_, err := io.WriteString(d, reply+"\r\n")
		return err == nil
	case stall:
		_, _ = io.Copy(io.Discard, d.in) // until the client gives up
		return false
	case drop:
		return false
	case garbage:
		_, _ = io.WriteString(d, "\x00\xff certainly no SMTP\r\n")
		_, _ = io.Copy(io.Discard, d.in)
		return false
	case endless:
		for {
			if _, err := io.WriteString(d, "250-"+strings.Repeat("x", 8000)); err != nil {
				return false
			}
		}
	}
	d.refused = true
	_, err := io.WriteString(d, string(what)+"\r\n")
	return err == nil && !strings.HasPrefix(string(what), "421")
}

// cutOff reports whether the relay hangs up while the message comes.
func (d *dialogue) cutOff() bool {
	r := d.relay
	if d.refused || r.fault == nil || r.fault("body", d.recipient, 0) != drop {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[d.recipient]++
	return true
}

// message reads one and answers the final dot.
func (d *dialogue) message() bool {
	var text strings.Builder
	for first := true; ; first = false {
		if first && d.cutOff() {
			return false
		}
		line, err := d.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		text.WriteString(line)
	}
	d.relay.mu.Lock()
	d.relay.text[d.recipient] = text.String()
	d.relay.mu.Unlock()
	return d.end()
}

// end answers a message that came whole.
func (d *dialogue) end() bool {
	r := d.relay
	what := none
	if r.fault != nil {
		r.mu.Lock()
		r.turns["dot"]++
		n := r.turns["dot"]
		r.mu.Unlock()
		what = r.fault("dot", d.recipient, n)
	}
	refused := len(what) > 3 && (what[0] == '4' || what[0] == '5')
	r.mu.Lock()
	switch {
	case refused:
	case what == none:
		r.copies[d.recipient]++
		r.taken[d.recipient]++
	default:
		r.copies[d.recipient]++
		r.lost[d.recipient]++
	}
	r.mu.Unlock()
	if what == none {
		_, _ = fmt.Fprintf(d, "250 2.0.0 queued as %s\r\n", d.recipient)
		r.done <- d.recipient
		return true
	}
	d.relay = &faultRelay{turns: map[string]int{}, fault: func(string, string, int) fault { return what }}
	well := d.answer("the end", "")
	d.relay = r
	return well
}

func (r *faultRelay) last(recipient string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text[recipient]
}

// seen gives what came, by recipient.
func (r *faultRelay) seen() (copies, taken, lost map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.copies), maps.Clone(r.taken), maps.Clone(r.lost)
}

// sum reports what came.
func (r *faultRelay) sum() (delivered, duplicates, lostAnswers, cut int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for to, n := range r.copies {
		delivered++
		duplicates += n - 1
		lostAnswers += r.lost[to]
	}
	for _, n := range r.cut {
		cut += n
	}
	return delivered, duplicates, lostAnswers, cut
}
