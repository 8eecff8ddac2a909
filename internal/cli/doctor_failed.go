package cli

import (
	"errors"
	"slices"
	"strings"

	"sespan/internal/postgres"
)

// failed is a check that the database did not let look.
func failed(err error) []finding { return wrong(cause(err), mendFailure(err)) }

// mendFailure says what to do about a query that failed.
func mendFailure(err error) string {
	switch postgres.FailureOf(err) {
	case postgres.FailurePrivilege:
		return "rights were taken away: sespan migrate up, as a login that may act as the owner of the schema, grants them again"
	case postgres.FailureSchema:
		return "the schema is not as the migrations made it: restore what was dropped or renamed, from a backup where it held rows"
	case postgres.FailureBusy:
		return "run the doctor again when the database has less to do; pg_stat_activity shows what holds it up"
	default:
		return "run the doctor again; where it says the same, the log of the database server says more"
	}
}

// cause is what the server or the network said, in one line: of a login that was tried
// with and without TLS, and refused with the same words, these words once.
func cause(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// mendConnection says what to do about a connection that cannot be made.
func mendConnection(err error) string {
	switch postgres.FailureOf(err) {
	case postgres.FailurePassword:
		return "correct login and password in SESPAN_DATABASE_URL; sespan init --url-file makes a login anew"
	case postgres.FailureNoLogin:
		return "a superuser runs: ALTER ROLE … LOGIN, for the login that SESPAN_DATABASE_URL names"
	case postgres.FailureNoRole:
		return "correct the login in SESPAN_DATABASE_URL; sespan init --url-file makes one anew"
	case postgres.FailureNoDatabase:
		return "correct the database's name in SESPAN_DATABASE_URL"
	case postgres.FailureNoHost:
		return "correct the host in SESPAN_DATABASE_URL, or the resolver of this machine"
	case postgres.FailureRoleFull:
		return "raise the limit of that role or database (ALTER … CONNECTION LIMIT), or lower SESPAN_DATABASE_CONNECTIONS"
	case postgres.FailureServerFull:
		return "the server has no connection left: raise max_connections, or lower SESPAN_DATABASE_CONNECTIONS"
	default:
		return "see that the server runs, that host and port of SESPAN_DATABASE_URL are its own, and that pg_hba.conf and firewalls let this machine in"
	}
}
