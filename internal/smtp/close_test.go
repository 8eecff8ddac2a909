package smtp

import (
	"context"
	"errors"
	"testing"
	"time"

	"sespan/internal/mail"
)

func TestCloseWaitsForMailUnderWay(t *testing.T) {
	t.Parallel()
	busy, release := make(chan struct{}), make(chan struct{})
	s, err := New(relayAt(t, scripted(t, func(_ int, s *session) {
		s.greet()
		s.envelope()
		s.message()
		close(busy)
		<-release
		s.say("250 ok")
		s.takeAll(ignore)
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
	for name, serve := range map[string]func(*session){
		"in the dial":   func(s *session) { s.hang() },
		"after the dot": func(s *session) { s.greet(); s.envelope(); s.message(); s.hang() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			met := make(chan struct{})
			s, err := New(relayAt(t, scripted(t, func(_ int, s *session) { close(met); serve(s) })))
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
