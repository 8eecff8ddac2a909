package otp

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// ChallengeStatus is what a site may know of a challenge.
type ChallengeStatus struct {
	CustomerID   *int64 // for the log
	Status       Status
	Purpose      Purpose
	Email        string // masked
	ValidUntil   time.Time
	ResendAfter  time.Time
	AttemptsLeft int
	Delivery     string // of the newest mail: queued, sent, failed
}

// decoyQueued is how long the mail of a decoy seems to be on its way.
const decoyQueued = 2 * time.Second

// Status describes a challenge. Problems: unknown-challenge, unavailable.
func (s *Service) Status(ctx context.Context, challenge uuid.UUID) (ChallengeStatus, error) {
	st, err := s.store.Status(ctx, challenge)
	if err != nil {
		return ChallengeStatus{}, err
	}
	c := st.Challenge
	if c == nil {
		return ChallengeStatus{}, unknownChallenge()
	}
	out := ChallengeStatus{
		CustomerID: c.CustomerID, Status: c.Status, Purpose: c.Purpose, Email: mask(c.Email), ValidUntil: c.ValidUntil,
		ResendAfter: s.limits.resendAt(c, st.Budget, st.At), Delivery: st.Delivery,
	}
	if c.Status == Pending {
		out.AttemptsLeft = s.limits.attemptsLeft(c, st.Budget, st.At)
		if !c.ValidUntil.After(st.At) {
			out.Status, out.AttemptsLeft = Expired, 0
		}
	}
	if out.Delivery == "" {
		// No mail of this code is known: a decoy, or a mail past its retention.
		out.Delivery = "sent"
		if st.At.Before(c.SentAt.Add(decoyQueued)) {
			out.Delivery = "queued"
		}
	}
	return out, nil
}
