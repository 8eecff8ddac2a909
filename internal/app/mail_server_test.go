package app

import (
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
)

// mailServer is a fake mail server and what came to it, by recipient.
type mailServer struct {
	*smtptest.Server
	answered chan string // each recipient whose mail was taken
}

func startMailServer(t testing.TB, o smtptest.Options) *mailServer {
	t.Helper()
	answered := make(chan string, 100_000)
	if o.Extensions == nil {
		o.Extensions = []string{"PIPELINING", "SIZE 100"}
	}
	o.OnReceived = func(r smtptest.Received) {
		if r.Answered {
			answered <- r.To
		}
	}
	return &mailServer{Server: smtptest.NewServer(t, o), answered: answered}
}

// wait until n more mails were taken.
func (s *mailServer) wait(t *testing.T, n int, within time.Duration) {
	t.Helper()
	deadline := time.After(within)
	for got := range n {
		select {
		case <-s.answered:
		case <-deadline:
			t.Fatalf("%d of %d mails came within %v", got, n, within)
		}
	}
}

// last is the last message to the recipient.
func (s *mailServer) last(recipient string) (text string) {
	for _, r := range s.Received() {
		if r.To == recipient {
			text = r.Data
		}
	}
	return text
}

// seen counts what came, by recipient: whole messages, those that were answered, and
// those whose answer was lost.
func (s *mailServer) seen() (copies, taken, lost map[string]int) {
	copies, taken, lost = map[string]int{}, map[string]int{}, map[string]int{}
	for _, r := range s.Received() {
		copies[r.To]++
		if r.Answered {
			taken[r.To]++
		} else {
			lost[r.To]++
		}
	}
	return copies, taken, lost
}

// sum is what came in all.
func (s *mailServer) sum() (delivered, duplicates, lostAnswers, cut int) {
	copies, _, lost := s.seen()
	for to, n := range copies {
		delivered++
		duplicates += n - 1
		lostAnswers += lost[to]
	}
	return delivered, duplicates, lostAnswers, s.CutOff()
}
