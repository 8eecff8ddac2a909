package smtp

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// session is one connection at a scripted relay.
type session struct {
	net.Conn
	r *bufio.Reader
}

// scripted serves each connection by what the test says; n counts from 1.
func scripted(t *testing.T, serve func(n int, s *session)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(n, &session{Conn: c, r: bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return listener.Addr().String()
}

func (s *session) say(lines ...string) {
	_, _ = io.WriteString(s, strings.Join(lines, "\r\n")+"\r\n") // a client that left is part of many tests
}

// hear is the next line, "" when the client has left.
func (s *session) hear() string {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimRight(line, "\r\n")
}

// expect reads a command and reports whether it is the one.
func (s *session) expect(verb string) bool { return strings.HasPrefix(s.hear(), verb) }

// hang waits until the client leaves.
func (s *session) hang() { _, _ = io.Copy(io.Discard, s.r) }

func (s *session) message() string {
	var b strings.Builder
	for {
		line := s.hear()
		if line == "." || line == "" && s.r.Buffered() == 0 && s.gone() {
			return b.String()
		}
		b.WriteString(line + "\n")
	}
}

func (s *session) gone() bool {
	_, err := s.r.Peek(1)
	return err != nil
}

// greet goes through the greeting and EHLO.
func (s *session) greet(extensions ...string) {
	s.say("220 relay.example ESMTP")
	s.hello(extensions...)
}

func (s *session) hello(extensions ...string) {
	if !s.expect("EHLO") {
		return
	}
	lines := append([]string{"relay.example"}, extensions...)
	for i := range lines[:len(lines)-1] {
		lines[i] = "250-" + lines[i]
	}
	lines[len(lines)-1] = "250 " + lines[len(lines)-1]
	s.say(lines...)
}

// take accepts one mail as far as 354 and gives its recipient; false: the client quit.
func (s *session) envelope() (recipient string, ok bool) {
	for {
		line := s.hear()
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "MAIL", "RSET", "NOOP":
			s.say("250 2.0.0 ok")
		case "RCPT":
			recipient = line[len("RCPT TO:<") : len(line)-1]
			s.say("250 2.1.5 ok")
		case "DATA":
			s.say("354 go ahead")
			return recipient, true
		case "QUIT":
			s.say("221 2.0.0 bye")
			return "", false
		default:
			return "", false
		}
	}
}

// takeAll accepts mails until the client leaves and reports each.
func (s *session) takeAll(got func(recipient, message string)) {
	for {
		to, ok := s.envelope()
		if !ok {
			return
		}
		got(to, s.message())
		s.say("250 2.0.0 queued as " + to)
	}
}
