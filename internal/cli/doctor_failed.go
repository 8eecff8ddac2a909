package cli

import (
	"errors"
	"slices"
	"strings"
)

// failed is a check that the database did not let look.
func failed(err error) []finding { return wrong(cause(err), mendFailure(cause(err))) }

// mendFailure says what to do about a query that failed, by what the server said.
func mendFailure(said string) string {
	stated := func(codes ...string) bool {
		return slices.ContainsFunc(codes, func(c string) bool { return strings.Contains(said, "(SQLSTATE "+c+")") })
	}
	switch {
	case stated("42501"):
		return "rights were taken away: sespan migrate up, as a login that may act as the owner of the schema, grants them again"
	case stated("42P01", "42883", "42703", "3F000"):
		return "the schema is not as the migrations made it: restore what was dropped or renamed, from a backup where it held rows"
	case stated("57014", "55P03"), strings.Contains(said, "deadline exceeded"), strings.Contains(said, "timeout"):
		return "run the doctor again when the database has less to do; pg_stat_activity shows what holds it up"
	}
	return "run the doctor again; where it says the same, the log of the database server says more"
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
func mendConnection(said string) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(said, p) })
	}
	switch {
	case has("SQLSTATE 28P01"):
		return "correct login and password in SESPAN_DATABASE_URL; sespan init --url-file makes a login anew"
	case has("is not permitted to log in"):
		return "a superuser runs: ALTER ROLE … LOGIN, for the login that SESPAN_DATABASE_URL names"
	case has("SQLSTATE 28000") && has("does not exist"):
		return "correct the login in SESPAN_DATABASE_URL; sespan init --url-file makes one anew"
	case has("SQLSTATE 3D000"):
		return "correct the database's name in SESPAN_DATABASE_URL"
	case has("no such host"):
		return "correct the host in SESPAN_DATABASE_URL, or the resolver of this machine"
	case has("too many connections for"):
		return "raise the limit of that role or database (ALTER … CONNECTION LIMIT), or lower SESPAN_DATABASE_CONNECTIONS"
	case has("SQLSTATE 53300"):
		return "the server has no connection left: raise max_connections, or lower SESPAN_DATABASE_CONNECTIONS"
	}
	return "see that the server runs, that host and port of SESPAN_DATABASE_URL are its own, and that pg_hba.conf and firewalls let this machine in"
}
