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

// TestBooksOfATry is what the table of a try counts as wrong.
func TestBooksOfATry(t *testing.T) {
	t.Parallel()
	kind := &relayKind{queueID: regexp.MustCompile(`queued as (\w+)`), large: "data"}
	fine := copied{received: "id 4X", text: "Hello\r\n"}
	sent := fate{state: "sent", reply: "Ok: queued as 4X", relay: "127.0.0.1:25"}
	plain := want{sort: "plain", text: "Hello\n"}
	for name, c := range map[string]struct {
		want   want
		fate   fate
		copies []copied
		says   string // "lost", "altered", or a part of what is wrong
	}{
		"right":                   {plain, sent, []copied{fine}, ""},
		"nobody has it":           {plain, sent, nil, "lost"},
		"in the queue":            {plain, fate{state: "retry", reason: "data", code: 451, reply: "busy"}, []copied{fine}, "is retry"},
		"another text":            {plain, sent, []copied{{received: "id 4X", text: "Hell"}}, "altered"},
		"a broken signature":      {plain, sent, []copied{{received: "id 4X", text: "Hello\n", flaw: "dkim"}}, "altered"},
		"another's queue id":      {plain, fate{state: "sent", reply: "Ok: queued as 5Y", relay: "127.0.0.1:25"}, []copied{fine}, "names no copy"},
		"no queue id":             {plain, fate{state: "sent", reply: "Ok", relay: "127.0.0.1:25"}, []copied{fine}, "is sent"},
		"refused, yet delivered":  {want{sort: "gone"}, fate{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, []copied{fine}, "delivered"},
		"refused":                 {want{sort: "gone"}, fate{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, nil, ""},
		"held, its answer lost":   {want{sort: "hold", text: "Hello\n"}, fate{state: "unknown"}, []copied{fine}, ""},
		"held, never arrived":     {want{sort: "hold", text: "Hello\n"}, fate{state: "unknown"}, nil, ""},
		"no SMTPUTF8":             {want{sort: "utf8"}, fate{state: "dead", reason: "composed"}, nil, ""},
		"too large, other reason": {want{sort: "large"}, fate{state: "dead", reason: "rcpt_to", code: 550, reply: "no"}, nil, "is dead rcpt_to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := &relayTry{relayCase: relayCase{kind: kind, setting: relaySetting{addr: "127.0.0.1:25"}}}
			try.judge("a@sink.example", c.want, c.fate, c.copies)
			says := strings.Join(try.result.wrong, " ")
			if try.result.lost > 0 {
				says += "lost"
			}
			if len(try.result.altered) > 0 {
				says += "altered"
			}
			if c.says == "" && says != "" || !strings.Contains(says, c.says) {
				t.Errorf("said %q, want %q", says, c.says)
			}
		})
	}
}

// TestCopyIsRead takes text and files out of what a server delivers, and misses the signature.
func TestCopyIsRead(t *testing.T) {
	t.Parallel()
	data := "Received: by x (Exim) id 1a\n\tfor <Jörg@xn--bcher-kva.example>; Mon\nFrom: a@shop.example\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe\n" +
		"--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\naGVs\nbG8=\n--b--\n"
	who, c := (&relayTry{}).open([]byte(data))
	if who != "jörg@bücher.example" || c.text != "Grüße" || c.flaw != "no signature" {
		t.Errorf("for %q, text %q, flaw %q", who, c.text, c.flaw)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if len(c.files) != 1 || c.files[0] != hello {
		t.Errorf("files %v", c.files)
	}
	if n := distinct([]copied{c, c, {received: "id 2b"}}); n != 2 {
		t.Errorf("%d mails were taken, want 2", n)
	}
}
