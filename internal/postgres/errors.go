package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/problem"
)

// SQLSTATEs of our own functions.
const (
	stateUnbound    = "SP001" // no customer table is bound
	stateStaleEpoch = "SP002" // a draw came with an epoch that is not today's
	stateBadMail    = "SP003" // mail_enqueue refused a parameter
	stateBadTier    = "SP004" // tier_save refused a value
)

// transient are the SQLSTATEs (and classes) after which the same call may
// succeed: the caller is told to come back.
var transient = map[string]string{
	"55P03": "Another transaction holds a lock that this call needs.",
	"57014": "The database took too long.",
	"40001": "The database is busy with the same rows.",
	"40P01": "The database is busy with the same rows.",
	"53300": "The database has no free connection.",
	"25006": "The database is read-only at the moment.",
	"08":    "The database cannot be reached.",
	"53":    "The database is out of resources.",
	"57P":   "The database is restarting.",
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
	case "22021", "22P05": // NUL or invalid UTF-8
		return problem.New(problem.Invalid, "Text must be valid UTF-8 without NUL.").Because(err)
	case "42501", "42P01", "42883", "42703", "3F000":
		return unavailable("The database is not set up for this version; run sespan migrate up and sespan doctor.", err)
	}
	return err
}

// refusal tells why the server lets this login in never, as opposed to not now.
func refusal(err error) (reason string, ok bool) {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return "", false
	}
	switch pe.Code {
	case "28000", "28P01", "3D000": // no such login, wrong password, no such database
		return pe.Message, true
	}
	return "", false
}

func unavailable(detail string, err error) error {
	return problem.New(problem.Unavailable, detail).After(2 * time.Second).Because(err)
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

func parseReason(err error) (reason error, ok bool) { //nolint:revive // the reason is the value, not the failure
	pe, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return nil, false
	}
	_, text, found := strings.Cut(pe.Error(), "`: ")
	if !found {
		text = "it cannot be parsed"
	}
	return errors.New(text), true
}
