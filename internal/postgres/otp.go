package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/otp"
	"sespan/internal/postgres/dbsqlc"
	"sespan/internal/problem"
)

// OTPStore keeps challenges and codes; it is an otp.Store. Each method is one
// transaction of two round trips.
type OTPStore struct {
	pool *Pool
	q    *dbsqlc.Queries
}

// NewOTPStore gives the store on a pool.
func NewOTPStore(p *Pool) *OTPStore { return &OTPStore{pool: p, q: p.queries} }

// errKeyMissing asks for the transaction again, with a key that SQL cannot make.
var errKeyMissing = errors.New("postgres: the customer's address has no key in SQL")

// Issue implements otp.Store. The key of a customer's address is made in SQL, in the
// statement that reads the customer; one beyond ASCII by the caller, which costs
// another transaction.
func (s *OTPStore) Issue(ctx context.Context, sub otp.Subject, decide func(otp.State) (otp.IssueDecision, error)) error {
	var missing string
	err := s.issue(ctx, sub, decide, &missing)
	for tries := 0; errors.Is(err, errKeyMissing) && tries < lockAttempts; tries++ {
		sub.AddressKey = otp.AddressKey(missing)
		err = s.issue(ctx, sub, decide, &missing)
	}
	return s.otpError(ctx, err)
}

// otpError maps what may also be a customer whom the foreign key does not find.
func (s *OTPStore) otpError(ctx context.Context, err error) error {
	if isState(err, stateForeignKeyViolation) {
		return s.unfound(ctx, err)
	}
	return otpError(err)
}

// unfound tells a customer who has just been deleted from one whom the foreign key of the
// codes does not find: in a table that inherits, or in one that took the bound one's place.
func (s *OTPStore) unfound(ctx context.Context, violation error) error {
	b, err := s.pool.BindingState(ctx)
	if err != nil || b.OK() && b.Reason == "" {
		return otpError(violation)
	}
	return unavailable("The customers are "+b.State+": "+b.Reason+". Run sespan bind-customers.", violation)
}

func (s *OTPStore) issue(ctx context.Context, sub otp.Subject, decide func(otp.State) (otp.IssueDecision, error), missing *string) error {
	var refusal error
	err := s.pool.inBatchTx(ctx, func(tx *batchTx) error {
		key := optional(sub.AddressKey)
		err := s.q.OTPBudgetOpen(ctx, tx, &dbsqlc.OTPBudgetOpenParams{
			Purpose: string(sub.Purpose), KnownBrowser: sub.KnownBrowser, CustomerID: sub.CustomerID, AddressKey: key,
		})
		if err != nil {
			return err
		}
		err = s.q.OTPMailsLock(ctx, tx, &dbsqlc.OTPMailsLockParams{
			KnownBrowser: sub.KnownBrowser, Visitor: visitor(sub.Visitor), CustomerID: sub.CustomerID, AddressKey: key,
		})
		if err != nil {
			return err
		}
		row, err := s.q.OTPState(ctx, tx, &dbsqlc.OTPStateParams{
			CustomerID: sub.CustomerID, Spellings: sub.Spellings, AddressKey: key, Purpose: string(sub.Purpose),
			KnownBrowser: sub.KnownBrowser, Visitor: visitor(sub.Visitor),
		})
		if err != nil {
			return err
		}
		if sub.CustomerID != nil && row.CustomerEmail != nil {
			if key := otp.AddressKey(*row.CustomerEmail); key != "" && key != row.AddressKey {
				*missing = *row.CustomerEmail
				return errKeyMissing
			}
		}
		decision, err := decide(stateOfSubject(sub, row))
		if err != nil {
			return err
		}
		refusal = decision.Refusal
		return s.applyIssue(ctx, tx, decision, mailBudget{row.AddressKey, sub.KnownBrowser, sub.Visitor, row.BudgetKey})
	})
	return cmp.Or(err, refusal)
}

// mailBudget is what a mail is counted on.
type mailBudget struct {
	addressKey   string
	knownBrowser bool
	visitor      netip.Addr
	guesses      []byte // key of the budget of guesses
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func visitor(a netip.Addr) *netip.Addr {
	if !a.IsValid() {
		return nil
	}
	return &a
}

// Resend implements otp.Store.
func (s *OTPStore) Resend(ctx context.Context, challenge uuid.UUID, from netip.Addr, decide func(otp.State) (otp.IssueDecision, error)) error {
	var refusal error
	err := s.pool.inBatchTx(ctx, func(tx *batchTx) error {
		if err := s.q.OTPBudgetOpenOf(ctx, tx, challenge); err != nil {
			return err
		}
		if err := s.q.OTPMailsLockOf(ctx, tx, visitor(from), challenge); err != nil {
			return err
		}
		row, err := s.q.OTPStateOf(ctx, tx, visitor(from), challenge)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		state := otp.State{}
		if err == nil {
			state = stateOfChallenge(row)
		}
		decision, err := decide(state)
		if err != nil {
			return err
		}
		c := row.SespanOtpChallenge
		refusal = decision.Refusal
		return s.applyIssue(ctx, tx, decision, mailBudget{c.AddressKey, c.KnownBrowser, from, c.BudgetKey})
	})
	return s.otpError(ctx, cmp.Or(err, refusal))
}

// Status implements otp.Store.
func (s *OTPStore) Status(ctx context.Context, challenge uuid.UUID) (otp.State, error) {
	row, err := s.q.OTPStateOf(ctx, s.pool, nil, challenge)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return otp.State{}, nil
	case err != nil:
		return otp.State{}, otpError(err)
	}
	return stateOfChallenge(row), nil
}

// A verification that finds the customer locked releases all its locks and starts
// over: for half a second altogether, as long as a statement waits for any other lock.
const (
	lockAttempts   = 12
	lockRetryPause = 40 * time.Millisecond
)

// Verify implements otp.Store.
func (s *OTPStore) Verify(ctx context.Context, challenge uuid.UUID, l otp.Limits, decide func(otp.State) (otp.VerifyDecision, error)) (otp.Consumed, error) {
	for attempt := 1; ; attempt++ {
		done, retry, err := s.verify(ctx, challenge, l, decide)
		if !retry || attempt == lockAttempts {
			return done, otpError(err)
		}
		select {
		case <-ctx.Done():
			return done, otpError(err)
		case <-time.After(lockRetryPause):
		}
	}
}

// verify tries once; retry tells that a correct code failed only for the lock of a row.
func (s *OTPStore) verify(
	ctx context.Context, challenge uuid.UUID, l otp.Limits, decide func(otp.State) (otp.VerifyDecision, error),
) (done otp.Consumed, retry bool, err error) {
	err = s.pool.inBatchTx(ctx, func(tx *batchTx) error {
		if err := s.q.OTPBudgetLockOf(ctx, tx, challenge); err != nil {
			return err
		}
		row, err := s.q.OTPGuess(ctx, tx, challenge, int64(l.Guesses), int64(l.GuessesPerHour))
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		state := otp.State{}
		if err == nil {
			state = stateOfGuess(row)
		}
		decision, err := decide(state)
		if err != nil {
			return err
		}
		done, err = s.applyVerify(ctx, tx, state.Challenge, decision)
		retry = decision.Action == otp.Consume && isState(err, stateLockNotAvailable)
		return err
	})
	return done, retry, err
}

func (s *OTPStore) applyVerify(ctx context.Context, tx *batchTx, c *otp.Challenge, d otp.VerifyDecision) (otp.Consumed, error) {
	if d.EndRight != nil {
		if err := s.q.OTPRightEnd(ctx, tx, *d.EndRight); err != nil {
			return otp.Consumed{}, err
		}
	}
	switch d.Action {
	case otp.Lock:
		return otp.Consumed{}, s.q.OTPLock(ctx, tx, c.ID)
	case otp.Expire:
		return otp.Consumed{}, s.q.OTPExpire(ctx, tx, c.ID)
	case otp.Consume:
		row, err := s.q.OTPConsume(ctx, tx.thenCommit(), &dbsqlc.OTPConsumeParams{
			ChallengeID: c.ID, OtpID: d.CodeID, CustomerID: c.CustomerID, Status: string(d.Status),
			NeedsRight: d.NeedsRight, MayUse: d.MayUse,
		})
		return otp.Consumed{Found: row.Found, Status: otp.Status(row.Status), Activated: row.Activated, At: row.At}, err
	case otp.DoNothing:
	}
	return otp.Consumed{}, nil
}

// applyIssue queues what the decision writes; it is sent with the commit.
func (s *OTPStore) applyIssue(ctx context.Context, tx *batchTx, d otp.IssueDecision, budget mailBudget) error {
	if d.EndRight != nil {
		if err := s.q.OTPRightEnd(ctx, tx, *d.EndRight); err != nil {
			return err
		}
	}
	code := d.NewCode
	if code == nil {
		return nil
	}
	if err := s.saveChallenge(ctx, tx, code, budget); err != nil {
		return err
	}
	c := code.Challenge
	row := dbsqlc.OTPInsertParams{
		CustomerID: c.CustomerID, ChallengeID: c.ID, ValidUntil: c.ValidUntil, Purpose: string(c.Purpose), Email: c.Email,
		KeyID: code.KeyID, OtpNumber: code.Hash, Deliver: true, Subject: code.Subject, Sealed: code.Sealed, Traceparent: traceparent(ctx),
	}
	if err := s.insertCode(ctx, tx, row, code.Deliver); err != nil {
		return err
	}
	return s.q.OTPMailsSpend(ctx, tx, budget.addressKey, budget.knownBrowser, visitor(budget.visitor))
}

// insertCode runs the same statements with and without a mail: a code with its mail
// and one without, and undoes the one that is not wanted. So a decoy takes as long.
func (s *OTPStore) insertCode(ctx context.Context, tx *batchTx, row dbsqlc.OTPInsertParams, deliver bool) error {
	row.Deliver = !deliver
	tx.savepoint()
	if err := s.q.OTPInsert(ctx, tx, &row); err != nil {
		return err
	}
	tx.rollbackTo()
	wanted := row
	wanted.Deliver = deliver
	return s.q.OTPInsert(ctx, tx, &wanted)
}

func (s *OTPStore) saveChallenge(ctx context.Context, tx *batchTx, code *otp.NewCode, budget mailBudget) error {
	c := code.Challenge
	if !code.NewChallenge {
		return s.q.OTPChallengeExtend(ctx, tx, int64(code.LiveCodes), c.ID, c.ValidUntil)
	}
	return s.q.OTPChallengeInsert(ctx, tx, &dbsqlc.OTPChallengeInsertParams{
		ChallengeID: c.ID, CustomerID: c.CustomerID, BudgetKey: budget.guesses, ValidUntil: c.ValidUntil, Decoy: c.Decoy,
		AddressKey: budget.addressKey, KnownBrowser: budget.knownBrowser,
		Purpose: string(c.Purpose), Locale: c.Locale, Email: c.Email, SealedData: c.Data, Replaces: code.Supersedes,
	})
}

// Revoke ends the customer's activation right, for good; false when there
// was nothing left to end.
func (s *OTPStore) Revoke(ctx context.Context, customerID int64) (bool, error) {
	changed, err := s.q.OTPRevoke(ctx, s.pool, customerID)
	return changed > 0, otpError(err)
}

// Sweep marks expired codes, deletes those older than the given number of
// seconds (two days at least) and what else is left over, in one portion, and
// gives the number of rows; maintenance calls it until that is small.
func (s *OTPStore) Sweep(ctx context.Context, keepSeconds float64, portion int32) (int64, error) {
	changed, err := s.q.OTPSweep(ctx, s.pool, keepSeconds, portion)
	return changed, otpError(err)
}

// otpError maps what only these statements can run into.
func otpError(err error) error {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pe.Code == stateForeignKeyViolation && pe.SchemaName == "sespan":
			return problem.New(problem.UnknownCustomer, "The customer has just been deleted.").WithCause(err)
		case strings.HasPrefix(pe.Code, stateConstraintViolation) && pe.SchemaName != "sespan": // deferred, of what the site's triggers wrote
			return customerRefused(err, fmt.Sprintf("the constraint %s of %s.%s was violated at the commit (%s)", pe.ConstraintName, pe.SchemaName, pe.TableName, pe.Code))
		case pe.Code == stateBadMail:
			return problem.New(problem.Invalid, "No mail can be sent to this e-mail address.").AtField("body.email").WithCause(err)
		}
	}
	return mapError(err)
}

func stateOfSubject(sub otp.Subject, r dbsqlc.OTPStateRow) otp.State {
	st := otp.State{
		At: r.At, Matches: int(r.Matches), Right: right(r.RightKnown, r.RightEnded), Budget: otp.Budget{MailAt: r.FreeAt, NextMailAt: r.NextAt, Wrong: r.WrongAt},
		Customer: customer(r.CustomerID, r.CustomerEmail, r.CustomerActive),
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
		At: r.At, Customer: customer(r.FoundID, r.CustomerEmail, r.CustomerActive), Right: right(r.RightKnown, r.RightEnded),
		Budget: otp.Budget{MailAt: r.FreeAt, NextMailAt: r.NextAt, Wrong: r.WrongAt}, Challenge: challenge(r.SespanOtpChallenge), Delivery: r.Delivery, Mailed: r.Mailed,
	}
}

// stateOfGuess adds the guess that OTPGuess counted after it had read the row.
func stateOfGuess(r dbsqlc.OTPGuessRow) otp.State {
	st := otp.State{
		At: r.At, Customer: customer(r.FoundID, r.CustomerEmail, r.CustomerActive), Right: right(r.RightKnown, r.RightEnded),
		Budget: otp.Budget{MailAt: r.FreeAt, NextMailAt: r.NextAt, Wrong: r.WrongAt}, Challenge: challenge(r.SespanOtpChallenge), Counted: r.Counted, Repeated: r.Repeated,
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
func customer(id *int64, email *string, active *bool) *otp.Customer {
	if id == nil {
		return nil
	}
	c := &otp.Customer{ID: *id, Active: active == nil || *active, ActiveKnown: active != nil}
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
