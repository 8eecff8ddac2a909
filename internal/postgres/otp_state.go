package postgres

import (
	"time"

	"sespan/internal/otp"
	"sespan/internal/postgres/dbsqlc"
)

func stateOfSubject(sub otp.Subject, r dbsqlc.OTPStateRow) otp.State {
	st := otp.State{
		At: r.At, Matches: int(r.Matches), Right: right(r.RightKnown, r.RightEnded), Budget: otp.Budget{Mailed: r.MailedAt, Wrong: r.WrongAt},
		Customer: customer(r.CustomerID, r.CustomerEmail, r.CustomerActive, r.CustomerJoined),
	}
	if r.ChallengeID != nil {
		of := r.CustomerID
		if sub.Purpose == otp.Registration {
			of = sub.CustomerID
		}
		st.Challenge = &otp.Challenge{
			ID: *r.ChallengeID, CustomerID: of, Purpose: sub.Purpose, Email: *r.Email, Locale: *r.Locale, Decoy: *r.Decoy,
			Status: otp.Status(*r.Status), Wrong: int(*r.WrongGuesses), CreatedAt: *r.CreatedAt, SentAt: *r.SentAt,
			ValidUntil: *r.ValidUntil, VerifiedAt: r.VerifiedAt, Data: r.SealedData,
		}
	}
	return st
}

func stateOfChallenge(r dbsqlc.OTPStateOfRow) otp.State {
	return otp.State{
		At: r.At, Customer: customer(r.FoundID, r.CustomerEmail, r.CustomerActive, nil),
		Budget: otp.Budget{Mailed: r.MailedAt, Wrong: r.WrongAt}, Challenge: challenge(r.SespanOtpChallenge), Delivery: r.Delivery, Mailed: r.Mailed,
	}
}

// stateOfGuess adds the guess that OTPGuess counted after it had read the row.
func stateOfGuess(r dbsqlc.OTPGuessRow) otp.State {
	st := otp.State{
		At: r.At, Customer: customer(r.FoundID, r.CustomerEmail, r.CustomerActive, nil),
		Budget: otp.Budget{Mailed: r.MailedAt, Wrong: r.WrongAt}, Challenge: challenge(r.SespanOtpChallenge), Counted: r.Counted,
	}
	if r.Counted {
		st.Challenge.Wrong++
		st.Budget.Wrong = append(st.Budget.Wrong, r.At)
	}
	for i, id := range r.OtpIds {
		st.Codes = append(st.Codes, otp.Code{ID: id, KeyID: r.KeyIds[i], Hash: r.OtpNumbers[i], ValidUntil: r.ValidUntils[i]})
	}
	return st
}

func challenge(c dbsqlc.SespanOtpChallenge) *otp.Challenge {
	return &otp.Challenge{
		ID: c.ChallengeID, CustomerID: c.CustomerID, Purpose: otp.Purpose(c.Purpose), Email: c.Email, Locale: c.Locale, Decoy: c.Decoy,
		Status: otp.Status(c.Status), Wrong: int(c.WrongGuesses), CreatedAt: c.CreatedAt, SentAt: c.SentAt,
		ValidUntil: c.ValidUntil, VerifiedAt: c.VerifiedAt, Data: c.SealedData,
	}
}

// customer reads a site's row. A table without is_active has active customers only.
func customer(id *int64, email *string, active *bool, joined *time.Time) *otp.Customer {
	if id == nil {
		return nil
	}
	c := &otp.Customer{ID: *id, Active: active == nil || *active, ActiveKnown: active != nil, Joined: joined}
	if email != nil {
		c.Email = *email
	}
	return c
}

func right(known, ended bool) otp.ActivationRight {
	switch {
	case ended:
		return otp.RightEnded
	case known:
		return otp.RightLive
	}
	return otp.RightNone
}
