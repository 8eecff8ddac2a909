package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/problem"
)

// SQLSTATEs of the schema's own functions.
const (
	stateUnbound    = "SP001" // no customer table is bound
	stateStaleEpoch = "SP002" // a draw came with an epoch that is not today's
	stateBadMail    = "SP003" // mail_enqueue refused a parameter
	stateBadTier    = "SP004" // tier_save refused a value
	stateRefused    = "SP005" // triggers, rules or policies of the site let a customer be read or activated not
	stateOtherTable = "SP006" // the caller means customers of another table
)

// PostgreSQL's SQLSTATEs, by its own names for them (its documentation, appendix A).
const (
	stateConnectionException      = "08" // a class
	stateProtocolViolation        = "08P01"
	stateCharacterNotInRepertoire = "22021"
	stateInvalidParameterValue    = "22023"
	stateUntranslatableCharacter  = "22P05"
	stateConstraintViolation      = "23" // a class
	stateForeignKeyViolation      = "23503"
	stateExclusionViolation       = "23P01"
	stateReadOnlyTransaction      = "25006"
	stateInvalidAuthorization     = "28000"
	stateInvalidPassword          = "28P01"
	stateInvalidCatalogName       = "3D000" // no such database
	stateInvalidSchemaName        = "3F000"
	stateSerializationFailure     = "40001"
	stateDeadlockDetected         = "40P01"
	stateInsufficientPrivilege    = "42501"
	stateUndefinedColumn          = "42703"
	stateUndefinedObject          = "42704"
	stateDuplicateObject          = "42710"
	stateUndefinedFunction        = "42883"
	stateUndefinedTable           = "42P01"
	stateInsufficientResources    = "53" // a class
	stateTooManyConnections       = "53300"
	stateCannotChangeParameter    = "55P02"
	stateLockNotAvailable         = "55P03"
	stateQueryCanceled            = "57014"
	stateOperatorIntervention     = "57P" // shut down, being started, being recovered
)

// isState tells whether the server answered with one of the states.
func isState(err error, states ...string) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(states, pe.Code)
}

// transient are the SQLSTATEs (and classes) after which the same call may
// succeed: the caller is asked to retry later.
var transient = map[string]string{
	stateLockNotAvailable:      "Another transaction holds a lock that this call needs.",
	stateQueryCanceled:         "The database took too long.",
	stateSerializationFailure:  "The database is busy with the same rows.",
	stateDeadlockDetected:      "The database is busy with the same rows.",
	stateTooManyConnections:    "The database has no free connection.",
	stateReadOnlyTransaction:   "The database is read-only at the moment.",
	stateConnectionException:   "The database cannot be reached.",
	stateInsufficientResources: "The database is out of resources.",
	stateOperatorIntervention:  "The database is restarting.",
}

// mapError is the one place where SQLSTATEs and connection failures become
// problems. What it does not know it returns as it is: the caller answers 500.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return mapState(pe, err)
	}
	if _, ok := errors.AsType[*problem.Problem](err); ok {
		return err
	}
	if unreachable(err) {
		return unavailable("The database cannot be reached.", err)
	}
	return err
}

func mapState(pe *pgconn.PgError, err error) error {
	for _, code := range []string{pe.Code, pe.Code[:3], pe.Code[:2]} {
		if text, ok := transient[code]; ok {
			return unavailable(text, err)
		}
	}
	switch pe.Code {
	case stateUnbound:
		return unavailable("The customer table is not bound; run sespan bind-customers.", err)
	case stateRefused:
		return customerRefused(fmt.Errorf("%w: %s; %s", err, pe.Detail, pe.Hint), pe.Message)
	case stateOtherTable:
		return problem.New(problem.CustomerTableMismatch, "Sespan is bound to other customers: "+pe.Message+".").WithCause(err)
	case stateCharacterNotInRepertoire, stateUntranslatableCharacter: // NUL or invalid UTF-8
		return problem.New(problem.Invalid, "Text must be valid UTF-8 without NUL.").WithCause(err)
	case stateInsufficientPrivilege, stateUndefinedTable, stateUndefinedFunction, stateUndefinedColumn, stateInvalidSchemaName:
		return unavailable("The database is not as this program needs it; sespan doctor says what is missing.", err)
	}
	if unreachable(err) { // it lets nobody in, whatever for
		return unavailable("The database cannot be reached.", err)
	}
	return err
}

// RefusedError is why the server will never let a connection of this address in, as
// opposed to not now, and what to do.
type RefusedError struct {
	Reason, Mend string
	Login        bool // login, password or database are wrong
}

func (e *RefusedError) Error() string { return e.Reason + "; " + e.Mend }

// Refusal gives it of an error of connecting, nil for none. The name of a parameter is not
// in it: it may be the end of a password that holds & or a blank.
func Refusal(err error) *RefusedError {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return nil
	case isState(pe, stateInvalidAuthorization, stateInvalidPassword, stateInvalidCatalogName):
		return &RefusedError{pe.Message, "correct login, password and database in it", true}
	case FailureOf(pe) == FailurePooler:
		return &RefusedError{Reason: "it is reached through a transaction pooler, which refuses the settings of a connection", Mend: "name the server itself in SESPAN_DATABASE_DIRECT_URL, which also tells that the first URL is the pooler's"}
	case isState(pe, stateUndefinedObject, stateInvalidParameterValue, stateCannotChangeParameter):
		return &RefusedError{Reason: "the server does not take one of its parameters", Mend: "correct what follows the ? of the URL; a password's & is written %26, its # %23 and its ? %3F"}
	}
	return nil
}

// customerRefused: what names triggers and constraints of the site, and nothing of its rows.
func customerRefused(err error, what string) error {
	return problem.Newf(problem.CustomerUpdateRefused, "The site's database did not let the customer be activated: %s. Nothing is used up; sespan doctor tries the same.", what).
		WithRetryAfter(time.Minute).WithCause(err)
}

func unavailable(detail string, err error) error {
	return problem.New(problem.Unavailable, detail).WithRetryAfter(2 * time.Second).WithCause(err)
}

func unreachable(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed") ||
		strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "connection reset")
}

func parseConfigReason(err error) (reason error, ok bool) { //nolint:revive // the reason is the value, not the failure
	pe, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return nil, false
	}
	text := pe.Error()
	text = text[strings.LastIndex(text, "`: ")+1:]
	text = strings.TrimPrefix(text, ": ")
	// What cannot be read may be a password's end, and pgx tells where it stopped.
	if pe.Unwrap() != nil && strings.HasPrefix(text, "failed to parse as ") || text == "invalid port" || strings.HasPrefix(text, "cannot parse") {
		text = "it cannot be read; in a password / is written %2F, @ %40, # %23, ? %3F and % %25"
	}
	return errors.New(text), true
}

// withHint adds what the database says to do, for a person at the command line.
func withHint(err error) error {
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok && pe.Hint != "" {
		return fmt.Errorf("%w. %s", err, pe.Hint)
	}
	return err
}
