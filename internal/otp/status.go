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

// hiddenDelivery is how long every mail seems to be on its way.
const hiddenDelivery = 2 * time.Second

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
		ResendAfter: s.limits.resendAt(c, st.Budget, st.At), Delivery: delivery(st),
	}
	if c.Status == Pending {
		out.AttemptsLeft = s.limits.attemptsLeft(c, st.Budget, st.At)
		if !c.ValidUntil.After(st.At) {
			out.Status, out.AttemptsLeft = Expired, 0
		}
	}
	return out, nil
}

// delivery is queued at first, whatever became of the mail: the mail of a decoy
// would come to nothing at once. Later a decoy's is as far as the mail before it,
// so that a relay that is away does not tell them apart. A mail past its
// retention was sent.
func delivery(st State) string {
	switch {
	case st.At.Before(st.Challenge.SentAt.Add(hiddenDelivery)):
		return "queued"
	case st.Delivery == "", !st.Mailed && st.Delivery == "failed":
		return "sent"
	}
	return st.Delivery
}
