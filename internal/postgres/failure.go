package postgres

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Failure is a kind of failure: what a person can do is the same for all of a kind.
type Failure int

// The kinds that have a way out of their own.
const (
	FailureOther      Failure = iota // of the server, or of the way to it
	FailurePrivilege                 // rights are missing
	FailureSchema                    // a table, function or column is missing
	FailureBusy                      // a lock or a timeout
	FailurePassword                  // of the login
	FailureNoRole                    // there is no such login
	FailureNoLogin                   // the role may not log in
	FailureNoDatabase                // there is no such database
	FailureNoHost                    // its name leads nowhere
	FailureRoleFull                  // the role or the database has all connections that it may
	FailureServerFull                // the server has
	FailurePooler                    // a transaction pooler refuses the settings of a connection
)

// FailureOf tells the kind. Where one SQLSTATE stands for several, the server's English
// words decide; in another language the more general kind is given.
func FailureOf(err error) Failure {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok && lookup.IsNotFound {
		return FailureNoHost
	}
	pe, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok && (pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded)):
		return FailureBusy
	case !ok:
		return FailureOther
	case isState(pe, stateInsufficientPrivilege):
		return FailurePrivilege
	case isState(pe, stateUndefinedTable, stateUndefinedFunction, stateUndefinedColumn, stateInvalidSchemaName):
		return FailureSchema
	case isState(pe, stateQueryCanceled, stateLockNotAvailable):
		return FailureBusy
	case isState(pe, stateInvalidPassword):
		return FailurePassword
	case isState(pe, stateInvalidAuthorization) && strings.Contains(pe.Message, "not permitted to log in"):
		return FailureNoLogin
	case isState(pe, stateInvalidAuthorization) && strings.Contains(pe.Message, "does not exist"):
		return FailureNoRole
	case isState(pe, stateInvalidCatalogName):
		return FailureNoDatabase
	case isState(pe, stateTooManyConnections) && strings.Contains(pe.Message, "too many connections for"):
		return FailureRoleFull
	case isState(pe, stateTooManyConnections):
		return FailureServerFull
	case isState(pe, stateProtocolViolation) && strings.Contains(pe.Message, "unsupported startup parameter"):
		return FailurePooler
	}
	return FailureOther
}

// FromServer tells whether the server said it, as opposed to this program.
func FromServer(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}
