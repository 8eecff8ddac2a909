package otp

import (
	"context"
	"net/netip"

	"github.com/google/uuid"

	"sespan/internal/address"
	"sespan/internal/problem"
)

// Resend mails a further code of a challenge; the earlier ones stay valid as
// long as there are no more than three. visitor is who asks, the zero value where that is
// not known. Problems: unknown-challenge,
// unknown-customer, otp-too-soon, otp-used, otp-locked, otp-expired, unavailable.
func (s *Service) Resend(ctx context.Context, challenge uuid.UUID, visitor netip.Addr) (Issued, error) {
	r := &resend{issue: issue{service: s}}
	err := s.store.Resend(ctx, challenge, visitor, r.decide)
	if r.request.Purpose != "" {
		s.metrics.count(r.request.Purpose, r.events...)
	}
	return r.out, err
}

// resend is one call of Resend.
type resend struct {
	issue
}

func (r *resend) decide(st State) (IssueDecision, error) {
	decision, err := r.decideCode(st)
	return afterEnd(decision, st, err)
}

func (r *resend) decideCode(st State) (IssueDecision, error) {
	c, l := st.Challenge, r.service.limits
	if c == nil {
		return IssueDecision{}, unknownChallenge()
	}
	r.request.Purpose = c.Purpose
	r.out.CustomerID = c.CustomerID
	to, err := r.recipient(st)
	if err != nil {
		return IssueDecision{}, err
	}
	wait := l.resendAt(c, st.Budget, st.At).Sub(st.At)
	switch {
	case c.Status == Verified || c.Status == Refused:
		return IssueDecision{}, used()
	case c.Status == Locked:
		return IssueDecision{}, locked(l.unlockedAt(c, st.Budget, st.At).Sub(st.At))
	case !l.open(c, st.At):
		return IssueDecision{}, problem.New(problem.OTPExpired, "This challenge is over; ask for a new code.")
	case wait > 0:
		r.events = []event{eventTooSoon}
		return IssueDecision{}, tooSoon(wait)
	}
	code, err := r.service.newCode(*c, st.At, to)
	if err != nil {
		return IssueDecision{}, err
	}
	r.out.Email = mask(to.address)
	r.report(code, st)
	return IssueDecision{NewCode: code}, nil
}

// recipient is for the challenge's address, as long as it is still the customer's.
// Nobody is mailed for a decoy: a notice came with its first code.
func (r *resend) recipient(st State) (recipient, error) {
	c := st.Challenge
	to := recipient{address: c.Email, decoy: c.Decoy}
	switch {
	case c.CustomerID == nil:
	case st.Customer == nil:
		return to, unknownCustomer()
	case !address.Same(st.Customer.Email, c.Email):
		return to, addressChanged()
	case !st.Customer.Active && c.Purpose != Registration:
		to.decoy = true
	}
	return to, nil
}
