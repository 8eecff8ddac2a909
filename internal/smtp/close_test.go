package smtp

import (
	"context"
	"errors"
	"testing"
	"time"

	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
)

func TestCloseWaitsForMailUnderWay(t *testing.T) {
	t.Parallel()
	busy, release := make(chan struct{}), make(chan struct{})
	s, err := NewRelay(relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) {
		s.Greet()
		s.AcceptEnvelope()
		s.ReadData()
		close(busy)
		<-release
		s.Reply("250 ok")
		s.AcceptAll(ignore)
	})))
	if err != nil {
		t.Fatal(err)
	}
	sent, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Send(context.WithoutCancel(t.Context()), envelope(1))
		sent <- err
	}()
	<-busy
	go func() { closed <- s.Close(t.Context()) }()
	<-s.done
	select {
	case err := <-closed:
		t.Fatalf("closed with a mail under way: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, sendError(t, s, envelope(2)), mail.Retry, "closed", 0)
	if err := s.Close(t.Context()); err != nil {
		t.Fatalf("closing twice: %v", err)
	}
}

func TestCloseCutsOff(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(*smtptest.Session){
		"in the dial":   func(s *smtptest.Session) { s.Hang() },
		"after the dot": func(s *smtptest.Session) { s.Greet(); s.AcceptEnvelope(); s.ReadData(); s.Hang() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			met := make(chan struct{})
			s, err := NewRelay(relayAt(t, smtptest.Script(t, func(_ int, s *smtptest.Session) { close(met); serve(s) })))
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan error, 1)
			go func() {
				_, err := s.Send(context.WithoutCancel(t.Context()), envelope(1))
				sent <- err
			}()
			<-met
			ctx, cancel := context.WithTimeout(t.Context(), quick)
			defer cancel()
			within(t, 20*time.Second, func() {
				if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("got %v", err)
				}
			})
			asSendError(t, <-sent)
		})
	}
}
