package smtptest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// dialogue is one connection of a Server.
type dialogue struct {
	*Session
	server  *Server
	options Options // as of its beginning
	secure  bool
	known   bool // has given the password

	mail    Received
	refused bool // MAIL, RCPT or DATA was: what is pipelined behind it is answered 503
	chunks  strings.Builder
	mails   int
}

func (s *Server) serve(c net.Conn) {
	o := s.current()
	d := &dialogue{Session: NewSession(c), server: s, options: o}
	if o.MaxConnections > 0 && s.listener.connections() > o.MaxConnections {
		d.Reply("421 4.7.0 too many connections")
		return
	}
	if o.ImplicitTLS && !d.encrypt() {
		return
	}
	if !d.answer(Greeting, "220 relay.example ESMTP") {
		return
	}
	for o.MailsPerConn == 0 || d.mails < o.MailsPerConn {
		line, err := d.in.ReadString('\n')
		if err != nil || !d.command(line) {
			return
		}
	}
}

// command answers one line; false ends the connection.
func (d *dialogue) command(line string) bool {
	bare, crlf := strings.CutSuffix(line, "\r\n")
	if !crlf || strings.ContainsRune(bare, '\r') {
		d.Reply("500 5.5.2 a command ends with CRLF")
		return true
	}
	verb, rest, _ := strings.Cut(bare, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		d.forget()
		return d.answer(EHLO, strings.Join(ehlo(d.extensions()), "\r\n"))
	case "HELO":
		d.forget()
		d.Reply("250 relay.example")
	case "STARTTLS":
		return d.startTLS()
	case "AUTH":
		return d.authenticate(rest)
	case "MAIL":
		d.forget()
		return d.begin(rest)
	case "RCPT":
		address, ok := path(rest, "TO:")
		if !ok || address == "" {
			d.Reply("501 5.1.3 no such path")
			return true
		}
		d.mail.To = address
		return d.answer(RCPT, "250 2.1.5 ok")
	case "DATA":
		return d.answer(DATA, "354 go ahead") && (d.refused || d.data())
	case "BDAT":
		return d.chunk(rest)
	case "QUIT":
		d.Reply("221 2.0.0 bye")
		return false
	case "RSET":
		d.forget()
		d.Reply("250 2.0.0 ok")
	case "NOOP":
		d.Reply("250 2.0.0 ok")
	default:
		d.Reply("500 5.5.1 unknown command")
	}
	return true
}

func (d *dialogue) forget() {
	d.mail, d.refused = Received{}, false
	d.chunks.Reset()
}

func (d *dialogue) extensions() []string {
	list := d.options.Extensions
	if list == nil {
		list = DefaultExtensions()
	}
	list = slices.Clone(list)
	if d.options.Certificate != nil && !d.secure {
		list = append(list, "STARTTLS")
	}
	if d.options.Password != "" {
		list = append(list, "AUTH PLAIN")
	}
	return list
}

func (d *dialogue) offers(keyword string) bool {
	return slices.ContainsFunc(d.extensions(), func(e string) bool { return e == keyword || strings.HasPrefix(e, keyword+" ") })
}

// answer gives the reply or does the fault of the phase; false ends the connection.
func (d *dialogue) answer(phase Phase, reply string) bool {
	if (phase == RCPT || phase == DATA) && d.refused || phase == DATA && d.mail.To == "" {
		d.refused = true
		return Fault("503 5.5.1 bad sequence").commit(d.Session)
	}
	f := d.server.fault(Turn{Phase: phase, Recipient: d.mail.To, Mails: d.mails})
	if f == None {
		f = Fault(reply)
	} else {
		d.refused = true
	}
	return f.commit(d.Session)
}

func (d *dialogue) encrypt() bool {
	d.secure = d.StartTLS(d.options.Certificate) == nil // an error: the client does not trust us
	return d.secure
}

func (d *dialogue) startTLS() bool {
	if !d.offers("STARTTLS") {
		d.Reply("502 5.5.1 not offered")
		return true
	}
	d.Reply("220 2.0.0 go ahead")
	return d.encrypt()
}

// authenticate answers AUTH PLAIN, with or without an initial response.
func (d *dialogue) authenticate(arguments string) bool {
	mechanism, initial, given := strings.Cut(arguments, " ")
	if !strings.EqualFold(mechanism, "PLAIN") || !d.offers("AUTH") {
		d.Reply("504 5.5.4 unknown mechanism")
		return true
	}
	if !given {
		d.Reply("334 ")
		initial = d.ReadLine()
	}
	response, err := base64.StdEncoding.DecodeString(initial)
	parts := strings.Split(string(response), "\x00")
	if err != nil || len(parts) != 3 {
		d.Reply("501 5.5.2 malformed response")
		return true
	}
	d.server.mu.Lock()
	d.server.password = true
	d.server.mu.Unlock()
	if d.known = parts[2] == d.options.Password; d.known {
		d.Reply("235 2.7.0 ok")
	} else {
		d.Reply("535 5.7.8 wrong password")
	}
	return true
}

// begin answers MAIL; parameters of extensions that are not offered are refused.
func (d *dialogue) begin(arguments string) bool {
	reverse, parameters, _ := strings.Cut(arguments, "> ")
	from, ok := path(strings.TrimSuffix(reverse, ">")+">", "FROM:")
	bad := ""
	switch {
	case d.options.Password != "" && !d.known:
		bad = "530 5.7.0 authentication required"
	case !ok:
		bad = "501 5.1.7 no such path"
	}
	for _, p := range strings.Fields(parameters) {
		name, _, _ := strings.Cut(p, "=")
		needs := map[string]string{"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8"}[name]
		if needs == "" || !d.offers(needs) {
			bad = "555 5.5.4 unknown parameter " + name
		}
		d.mail.UTF8 = d.mail.UTF8 || name == "SMTPUTF8"
	}
	if bad != "" {
		d.refused = true
		d.Reply(bad)
		return true
	}
	d.mail.From = from
	return d.answer(MAIL, "250 2.1.0 ok")
}

// path extracts the address from "TO:<address>".
func path(argument, prefix string) (address string, ok bool) {
	if len(argument) < len(prefix) || !strings.EqualFold(argument[:len(prefix)], prefix) {
		return "", false
	}
	address = argument[len(prefix):]
	if len(address) < 2 || address[0] != '<' || address[len(address)-1] != '>' || strings.ContainsAny(address[1:len(address)-1], "<> ") {
		return "", false
	}
	return address[1 : len(address)-1], true
}

// dropped reports whether the connection is to be lost while the message comes.
func (d *dialogue) dropped() bool {
	if d.refused || d.server.fault(Turn{Phase: Body, Recipient: d.mail.To, Mails: d.mails}) != Drop {
		return false
	}
	d.server.mu.Lock()
	d.server.cutOff++
	d.server.mu.Unlock()
	return true
}

// data reads a message up to its final dot, and answers it.
func (d *dialogue) data() bool {
	if d.dropped() {
		return false
	}
	var text strings.Builder
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			return d.end(text.String())
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
}

// chunk reads BDAT and its data.
func (d *dialogue) chunk(arguments string) bool {
	var size int64
	sizeText, last, _ := strings.Cut(arguments, " ")
	if _, err := fmt.Sscan(sizeText, &size); err != nil || !d.offers("CHUNKING") || d.dropped() {
		return false
	}
	if _, err := io.CopyN(&d.chunks, d.in, size); err != nil {
		return false
	}
	switch {
	case d.refused || d.mail.To == "":
		d.Reply("503 5.5.1 bad sequence")
		return true
	case !strings.EqualFold(last, "LAST"):
		d.Reply("250 2.0.0 ok")
		return true
	}
	return d.end(d.chunks.String())
}

// end answers a message that came whole.
func (d *dialogue) end(text string) bool {
	d.mails++
	m := d.mail
	m.At = time.Now()
	f := d.server.fault(Turn{Phase: EndOfData, Recipient: m.To, Mails: d.mails})
	d.forget()
	if !f.refuses() {
		m.Data, m.Answered = text, f == None
		if d.options.WithoutMailBodies {
			m.Data = ""
		}
		d.server.keep(m)
	}
	if f == None {
		f = Fault("250 2.0.0 queued as " + m.To)
	}
	return f.commit(d.Session)
}
