package smtptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Script serves each connection by what the test says until the test ends, and gives
// the address; n counts connections from 1.
func Script(tb testing.TB, serve func(n int, s *Session)) (address string) {
	tb.Helper()
	l, err := listen(context.Background(), func(n int, c net.Conn) { serve(n, NewSession(c)) })
	if err != nil {
		tb.Fatalf("smtptest: %v", err)
	}
	tb.Cleanup(l.close)
	return l.Addr().String()
}

// Session is one connection of a script. A client that has left is part of many
// tests: writing to it does nothing, reading from it gives "".
type Session struct {
	net.Conn
	in *bufio.Reader
}

// NewSession serves a connection that was made by other means than Script.
func NewSession(c net.Conn) *Session { return &Session{Conn: c, in: bufio.NewReader(c)} }

// StartTLS speaks TLS from here on, after its handshake.
func (s *Session) StartTLS(cert *tls.Certificate) error {
	c := tls.Server(s.Conn, &tls.Config{Certificates: []tls.Certificate{*cert}})
	s.Conn = c
	s.in.Reset(c)
	return c.HandshakeContext(context.Background())
}

// Reply writes lines.
func (s *Session) Reply(lines ...string) {
	_, _ = io.WriteString(s, strings.Join(lines, "\r\n")+"\r\n") // see Session
}

// ReadLine gives the next line without its end, "" when the client has left.
func (s *Session) ReadLine() string {
	line, err := s.in.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimRight(line, "\r\n")
}

// Expect reads a command and reports whether it begins with the verb.
func (s *Session) Expect(verb string) bool { return strings.HasPrefix(s.ReadLine(), verb) }

// Hang says nothing until the client leaves.
func (s *Session) Hang() { _, _ = io.Copy(io.Discard, s.in) }

// Trickle writes a byte of the text each 20 ms, from the start again, until the
// client leaves.
func (s *Session) Trickle(text string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := s.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
		<-tick.C
	}
}

// Endless writes a reply that never ends, until the client leaves.
func (s *Session) Endless(code string) {
	for {
		if _, err := io.WriteString(s, code+"-"+strings.Repeat("x", 8000)); err != nil {
			return
		}
	}
}

// Buffered is how many bytes have been received and not yet read.
func (s *Session) Buffered() int { return s.in.Buffered() }

// Left reports whether the client has left; it waits for a byte or the end.
func (s *Session) Left() bool {
	_, err := s.in.Peek(1)
	return err != nil
}

// ReadData reads a message up to its final dot, as it is on the wire, with \n for
// line ends.
func (s *Session) ReadData() string {
	var b strings.Builder
	for {
		line := s.ReadLine()
		if line == "." || line == "" && s.in.Buffered() == 0 && s.Left() {
			return b.String()
		}
		b.WriteString(line + "\n")
	}
}

// ReadChunk reads BDAT with LAST and its message.
func (s *Session) ReadChunk() (message string, ok bool) {
	var size int
	if _, err := fmt.Sscanf(s.ReadLine(), "BDAT %d LAST", &size); err != nil {
		return "", false
	}
	b := make([]byte, size)
	_, err := io.ReadFull(s.in, b)
	return string(b), err == nil
}

// Greet writes the greeting and answers EHLO with the extensions.
func (s *Session) Greet(extensions ...string) {
	s.Reply("220 relay.example ESMTP")
	s.AnswerEHLO(extensions...)
}

// AnswerEHLO answers EHLO with the extensions.
func (s *Session) AnswerEHLO(extensions ...string) {
	if s.Expect("EHLO") {
		s.Reply(ehlo(extensions)...)
	}
}

// ehlo are the lines of a reply to EHLO.
func ehlo(extensions []string) []string {
	lines := append([]string{"relay.example"}, extensions...)
	for i := range lines[:len(lines)-1] {
		lines[i] = "250-" + lines[i]
	}
	lines[len(lines)-1] = "250 " + lines[len(lines)-1]
	return lines
}

// AcceptEnvelope accepts one mail as far as 354 and gives its recipient; false: the
// client quit.
func (s *Session) AcceptEnvelope() (recipient string, ok bool) {
	for {
		line := s.ReadLine()
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "MAIL", "RSET", "NOOP":
			s.Reply("250 2.0.0 ok")
		case "RCPT":
			recipient = line[len("RCPT TO:<") : len(line)-1]
			s.Reply("250 2.1.5 ok")
		case "DATA":
			s.Reply("354 go ahead")
			return recipient, true
		case "QUIT":
			s.Reply("221 2.0.0 bye")
			return "", false
		default:
			return "", false
		}
	}
}

// AcceptAll accepts mails until the client leaves and reports each.
func (s *Session) AcceptAll(got func(recipient, message string)) {
	for {
		to, ok := s.AcceptEnvelope()
		if !ok {
			return
		}
		got(to, s.ReadData())
		s.Reply("250 2.0.0 queued as " + to)
	}
}
