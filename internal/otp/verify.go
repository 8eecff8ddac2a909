package otp

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"sespan/internal/address"
	"sespan/internal/problem"
	"sespan/internal/secret"
)

// Action is what a verification writes beside the counted guess.
type Action int

// The closed list of actions.
const (
	DoNothing Action = iota
	Lock             // the challenge has lost its last guess
	Expire           // its codes are too old
	Consume          // the code is correct: use it up and give the guess back
)

// VerifyDecision is what a verification writes.
type VerifyDecision struct {
	Action Action
	CodeID int64 // Consume
	// Status that Consume gives the challenge: Verified, or Superseded when the
	// address is no longer the customer's.
	Status Status
	// NeedsRight: the customer is inactive. Without a live activation right, or where the
	// purpose may not use it, Consume gives the status Refused instead.
	NeedsRight bool
	MayUse     bool
	EndRight   *int64 // customer who loses the activation right, whatever became of the guess
}

// Consumed is what became of a correct code.
type Consumed struct {
	Found     bool // false: the challenge went with its customer in between
	Status    Status
	Activated bool
	At        time.Time
}

// Verification is the answer to a correct code.
type Verification struct {
	CustomerID *int64 // nil for a registration before its customer
	VerifiedAt time.Time
	Data       json.RawMessage // of the request, nil for none
}

// Verify compares a guess. email, when not empty, must be the challenge's. It
// ends even when its client has gone, so that a guess always costs. Problems:
// invalid, unknown-challenge, unknown-customer, otp-incorrect (attempts_left),
// otp-expired, otp-used, otp-locked, activation-refused, unavailable.
func (s *Service) Verify(ctx context.Context, challenge uuid.UUID, input, email string) (Verification, error) {
	guess, ok := Normalise(input)
	if !ok || len(guess) != s.digits { // no code has so many: nothing is compared, and no guess used
		return Verification{}, problem.Newf(problem.Invalid, "A code has %d digits.", s.digits).AtField("body.otp_number")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyBound)
	defer cancel()
	v := &verification{service: s, guess: guess, email: email}
	consumed, err := s.store.Verify(ctx, challenge, s.limits, v.decide)
	if err == nil {
		err = v.conclude(consumed)
	}
	if problem.SlugOf(err) == problem.CustomerUpdateRefused {
		v.events = append(v.events, eventUpdateRefused)
	}
	if v.purpose != "" && problem.SlugOf(err) != problem.Unavailable {
		s.metrics.count(v.purpose, v.events...)
	}
	if problem.SlugOf(err) == problem.ActivationRefused {
		s.logger.WarnContext(ctx, "a correct code came without an activation right", "customer_id", *v.out.CustomerID, "challenge_id", challenge.String())
	}
	return v.out, err
}

// verification is one call of Verify.
type verification struct {
	service      *Service
	guess, email string
	purpose      Purpose
	answer       error // for a guess that is not correct
	data         []byte
	out          Verification
	events       []event
}

// decide is called under the locks of budget, challenge and codes; again where the
// customer was locked by somebody else, and then only a correct code came before.
func (v *verification) decide(st State) (VerifyDecision, error) {
	c := st.Challenge
	if c == nil {
		return VerifyDecision{}, unknownChallenge()
	}
	v.purpose, v.out.CustomerID = c.Purpose, c.CustomerID
	var decision VerifyDecision
	if !st.Counted {
		decision = v.uncounted(st)
	} else if id, ok := matchCode(v.service.ring, c, v.live(st), v.guess); ok && !c.Decoy && (v.email == "" || address.Same(v.email, c.Email)) {
		return v.correct(st, id)
	} else {
		decision = v.wrong(st)
	}
	decision.EndRight = endRight(st)
	return decision, nil
}

func (v *verification) live(st State) []Code {
	var live []Code
	for _, code := range st.Codes {
		if code.ValidUntil.After(st.At) {
			live = append(live, code)
		}
	}
	return live
}

// uncounted tells why the guess was not even compared.
func (v *verification) uncounted(st State) VerifyDecision {
	c, l := st.Challenge, v.service.limits
	switch {
	case c.Status == Verified, c.Status == Refused:
		return v.fail(used().With("correct", v.repeats(st)), eventUsed, DoNothing)
	case c.Status == Locked:
		return v.fail(locked(l.unlockedAt(c, st.Budget, st.At).Sub(st.At)), eventRefusedGuess, DoNothing)
	case c.Status == Superseded:
		return v.fail(problem.New(problem.OTPExpired, "A newer code has replaced this one."), eventExpired, DoNothing)
	case !c.ValidUntil.After(st.At):
		return v.fail(problem.New(problem.OTPExpired, "The code is too old; ask for a new one."), eventExpired, Expire)
	}
	wait := free(st.Budget.Wrong, l.GuessesPerHour, st.At).Sub(st.At)
	return v.fail(locked(wait), eventRefusedGuess, DoNothing)
}

// repeats tells whether these are the digits that verified the challenge: the same form
// sent twice, or once more because its answer was lost. Other digits prove nothing.
func (v *verification) repeats(st State) bool {
	if !st.Repeated {
		return false
	}
	_, ok := matchCode(v.service.ring, st.Challenge, st.Codes, v.guess)
	return ok && (v.email == "" || address.Same(v.email, st.Challenge.Email))
}

func (v *verification) wrong(st State) VerifyDecision {
	left := v.service.limits.attemptsLeft(st.Challenge, st.Budget, st.At)
	answer := problem.New(problem.OTPIncorrect, "The code is not correct.").With("attempts_left", left)
	if st.Challenge.Wrong < v.service.limits.Guesses {
		return v.fail(answer, eventIncorrect, DoNothing)
	}
	decision := v.fail(answer, eventIncorrect, Lock)
	v.events = append(v.events, eventLocked)
	return decision
}

func (v *verification) correct(st State, code int64) (VerifyDecision, error) {
	c := st.Challenge
	decision := VerifyDecision{Action: Consume, CodeID: code, Status: Verified}
	switch {
	case c.CustomerID == nil:
	case st.Customer == nil:
		return VerifyDecision{}, unknownCustomer()
	case !address.Same(st.Customer.Email, c.Email):
		decision.Status = Superseded
	default:
		decision.NeedsRight, decision.MayUse = !st.Customer.Active, c.Purpose == Registration
	}
	if len(c.Data) == 0 {
		return decision, nil
	}
	data, err := v.service.ring.Open(secret.LabelData, c.ID.String(), c.Data)
	if err != nil {
		return VerifyDecision{}, err // rolled back: the code works again once its key is back
	}
	v.data = data
	return decision, nil
}

func (v *verification) fail(p *problem.Problem, e event, a Action) VerifyDecision {
	v.answer, v.events = p, append(v.events, e)
	return VerifyDecision{Action: a}
}

// conclude turns what was committed into the answer.
func (v *verification) conclude(c Consumed) error {
	switch {
	case v.answer != nil:
		return v.answer
	case !c.Found:
		return unknownChallenge()
	case c.Status == Superseded:
		v.events = append(v.events, eventSuperseded)
		return addressChanged()
	case c.Status == Refused:
		v.events = append(v.events, eventActivationRefused)
		return problem.New(problem.ActivationRefused, "The code was correct, but this customer may not be activated; the code is used up.")
	}
	v.out.VerifiedAt, v.out.Data = c.At, v.data
	v.events = append(v.events, eventVerified)
	if c.Activated {
		v.events = append(v.events, eventActivated)
	}
	return nil
}

func used() *problem.Problem {
	return problem.New(problem.OTPUsed, "The code has been used; ask for a new one if you need to.")
}

// locked says when a new code, or another guess, is to be had.
func locked(wait time.Duration) *problem.Problem {
	return problem.New(problem.OTPLocked, "Too many wrong codes; ask for a new code later.").
		With("attempts_left", 0).WithRetryAfter(max(wait, time.Second))
}
