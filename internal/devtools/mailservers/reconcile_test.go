package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestComplaintsOfMailServers(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"postfix/smtpd[1]: improper command pipelining after DATA from unknown[127.0.0.1]":      true,
		"SMTP protocol synchronization error (input sent without waiting for greeting)":         true,
		"postfix/smtpd[1]: disconnect: Error: bare <LF> received after DATA":                    true,
		"SMTP syntax error in \"MAIL FROM\" H=[127.0.0.1] malformed address":                    true,
		"postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 550 5.1.1 No such …":  false,
		"2026-11-22 1xVCD7-0006cG-16 <= no-reply@shop.example H=([127.0.0.1]) P=esmtp L. S=267": false,
	} {
		if got := len(matching(line, complaints)) > 0; got != want {
			t.Errorf("a complaint: %v, want %v: %s", got, want, line)
		}
	}
}

// TestReconcile is what the table of a trial counts as wrong.
func TestReconcile(t *testing.T) {
	t.Parallel()
	sw := &software{queueID: regexp.MustCompile(`queued as (\w+)`), large: "data"}
	fine := delivery{received: "id 4X", text: "Hello\r\n"}
	sent := outcome{state: "sent", reply: "Ok: queued as 4X", relay: "127.0.0.1:25"}
	plain := expectation{kind: "plain", text: "Hello\n"}
	for name, c := range map[string]struct {
		expected expectation
		outcome  outcome
		copies   []delivery
		problem  string // "lost", "altered", or a part of what is wrong
	}{
		"right":                   {plain, sent, []delivery{fine}, ""},
		"nobody has it":           {plain, sent, nil, "lost"},
		"in the queue":            {plain, outcome{state: "retry", reason: "data", code: 451, reply: "busy"}, []delivery{fine}, "is retry"},
		"another text":            {plain, sent, []delivery{{received: "id 4X", text: "Hell"}}, "altered"},
		"a broken signature":      {plain, sent, []delivery{{received: "id 4X", text: "Hello\n", problem: "dkim"}}, "altered"},
		"another's queue id":      {plain, outcome{state: "sent", reply: "Ok: queued as 5Y", relay: "127.0.0.1:25"}, []delivery{fine}, "names no copy"},
		"no queue id":             {plain, outcome{state: "sent", reply: "Ok", relay: "127.0.0.1:25"}, []delivery{fine}, "is sent"},
		"refused, yet delivered":  {expectation{kind: "gone"}, outcome{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, []delivery{fine}, "delivered"},
		"refused":                 {expectation{kind: "gone"}, outcome{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, nil, ""},
		"held, its answer lost":   {expectation{kind: "hold", text: "Hello\n"}, outcome{state: "unknown"}, []delivery{fine}, ""},
		"held, never arrived":     {expectation{kind: "hold", text: "Hello\n"}, outcome{state: "unknown"}, nil, ""},
		"no SMTPUTF8":             {expectation{kind: "utf8"}, outcome{state: "dead", reason: "composed"}, nil, ""},
		"too large, other reason": {expectation{kind: "large"}, outcome{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, nil, "is dead rcpt_to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := &trial{setup: setup{software: sw, settings: settings{addr: "127.0.0.1:25"}}}
			tr.check("a@sink.example", c.expected, c.outcome, c.copies)
			got := strings.Join(tr.result.wrong, " ")
			if tr.result.lost > 0 {
				got += "lost"
			}
			if len(tr.result.altered) > 0 {
				got += "altered"
			}
			if c.problem == "" && got != "" || !strings.Contains(got, c.problem) {
				t.Errorf("got %q, want %q", got, c.problem)
			}
		})
	}
}

// TestDeliveryIsRead takes text and files out of what a server delivers, and notices a missing signature.
func TestDeliveryIsRead(t *testing.T) {
	t.Parallel()
	data := "Received: by x (Exim) id 1a\n\tfor <Jörg@xn--bcher-kva.example>; Mon\nFrom: a@shop.example\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe\n" +
		"--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\naGVs\nbG8=\n--b--\n"
	who, c := (&trial{}).open([]byte(data))
	if who != "jörg@bücher.example" || c.text != "Grüße" || c.problem != "no signature" {
		t.Errorf("for %q, text %q, problem %q", who, c.text, c.problem)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if len(c.files) != 1 || c.files[0] != hello {
		t.Errorf("files %v", c.files)
	}
	if n := distinct([]delivery{c, c, {received: "id 2b"}}); n != 2 {
		t.Errorf("%d mails were accepted, want 2", n)
	}
}
