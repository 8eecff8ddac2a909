package smtptest_test

import (
	"errors"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sespan/internal/devtools/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sendOne(address string) error {
	return smtp.SendMail(address, nil, "a@shop.example", []string{"b@shop.example"}, []byte("Subject: x\r\n\r\n.dot\r\n"))
}

// TestServerTakesMail as another client than ours sends it.
func TestServerTakesMail(t *testing.T) {
	t.Parallel()
	s := smtptest.NewServer(t, smtptest.Options{})
	if err := sendOne(s.Address); err != nil {
		t.Fatal(err)
	}
	got := s.Received()
	if len(got) != 1 || got[0].From != "a@shop.example" || got[0].To != "b@shop.example" || got[0].Data != "Subject: x\r\n\r\n.dot\r\n" || !got[0].Answered {
		t.Errorf("%+v", got)
	}
}

// TestServerFaults: a refusal is one, and after a lost answer the server has the mail.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	for phase, has := range map[smtptest.Phase]int{
		smtptest.Greeting: 0, smtptest.MAIL: 0, smtptest.RCPT: 0, smtptest.DATA: 0, smtptest.Body: 0, smtptest.EndOfData: 1,
	} {
		for _, f := range []smtptest.Fault{smtptest.Drop, "550 5.7.1 never"} {
			if phase == smtptest.Body && f != smtptest.Drop {
				continue
			}
			s := smtptest.NewServer(t, smtptest.Options{Fault: func(at smtptest.Turn) smtptest.Fault {
				if at.Phase == phase {
					return f
				}
				return smtptest.None
			}})
			err := sendOne(s.Address)
			var reply *textproto.Error
			if err == nil || errors.As(err, &reply) != (f != smtptest.Drop) {
				t.Errorf("%s at %s: %v", f, phase, err)
			}
			want := has
			if f != smtptest.Drop {
				want = 0
			}
			if got := s.Received(); len(got) != want || want == 1 && got[0].Answered {
				t.Errorf("%s at %s: received %+v", f, phase, got)
			}
		}
	}
}

// TestServerIsStrict about what it has not offered, and about the order of commands.
func TestServerIsStrict(t *testing.T) {
	t.Parallel()
	s := smtptest.NewServer(t, smtptest.Options{Extensions: []string{"SIZE 100"}, MaxConnections: 1})
	c, err := smtp.Dial(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Hello("client.example"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ command, reply string }{
		{"DATA", "503"},
		{"MAIL FROM:<a@b.co> SMTPUTF8", "555"},
		{"RCPT TO:<c@d.co>", "503"},
		{"STARTTLS", "502"},
		{"AUTH PLAIN", "504"},
		{"MAIL FROM:<a@b.co> SIZE=10", "250"},
		{"RCPT TO:c@d.co", "501"},
		{"RCPT TO:<c@d.co>", "250"},
		{"WHAT", "500"},
	} {
		if err := c.Text.PrintfLine("%s", step.command); err != nil {
			t.Fatal(err)
		}
		if line, err := c.Text.ReadLine(); err != nil || !strings.HasPrefix(line, step.reply) {
			t.Errorf("%s: %q %v, want %s", step.command, line, err, step.reply)
		}
	}
	if err := sendOne(s.Address); err == nil || !strings.HasPrefix(err.Error(), "421") {
		t.Errorf("a second connection: %v", err)
	}
}

// TestSinkHasLatency on every reply.
func TestSinkHasLatency(t *testing.T) {
	t.Parallel()
	const roundTrip = 5 * time.Millisecond
	var got string
	s := smtptest.NewSink(t, smtptest.SinkOptions{RoundTrip: roundTrip, WithoutChunking: true, OnReceived: func(to string) { got = to }})
	start := time.Now()
	if err := sendOne(s.Address); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 6*roundTrip || got != "b@shop.example" {
		t.Errorf("took %v, for %q", took, got)
	}
}
