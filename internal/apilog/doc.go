// Package apilog is the log of answered calls: what a row is, how secrets are
// taken out of it, and how rows reach the database in time.
//
//	handler ─▶ Entry (redacted, sanitised) ─▶ Record ─────────────▶ answer goes out
//	                                            │   ▲ committed, or 250 ms passed
//	                                            ▼   │
//	             calls that wait ─▶ groupcommit ─▶ flush ─▶ Store.Insert (one statement)
//	                                                 │ a row is refused: bisect the batch
//	                                                 │ down to the one row, stored without bodies
//	                                                 │ the database is unavailable: retry until
//	                                                 ▼ the flush times out, then the rows are lost
//
// An answer waits for its row's commit, so a row is there even after kill -9. A
// database that is unavailable or slow must not take the API down with it: after the
// wait the answer is sent, the Fallback (a spool) may keep the row, and what
// happened is counted: a row is late, then written or lost. Inserting a row twice
// is harmless, the second one is skipped by its key.
//
// Not every call has a row of its own. Calls of strangers, of one customer's token and
// of one visitor of the site share sixty rows a minute (sampling.go), and a row tells for
// how many calls it stands, so that the weights of all rows add up to the calls:
//
//	Record ─▶ has it a quota? ─▶ one of the first of its minute? ─▶ written, weight 1
//	                                   └─ no ─▶ left out ─▶ one row for all of them, when the minute
//	                                                        or the process is over
//
// The log has a bound on its bytes (bound.go). Where it comes near, bodies and days are
// dropped, the oldest first; where that is not enough, all calls get a quota.
//
// Redaction goes by the name of a field and by the form of a value (redact*.go
// handle headers and bodies, redact_secret.go holds the names). It runs once, before
// the row waits: Header and Body can only be made by it.
package apilog
