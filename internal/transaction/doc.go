// Package transaction holds the tiers and the draw that decides which order
// gets a discount.
//
// # The number
//
// Every UTC day, by the database's clock, has a secret seed of 32 bytes, the
// epoch's seed, made a week ahead and fixed by its published SHA-256. An order's
// number is settled by that seed and by nothing that the shop can change later:
//
//	message = part("sespan-draw-1") part("2026-11-22") part("42") part("A-1001") part("")
//	           version               epoch              customer   order_ref      client nonce
//	part(s) = length of s in bytes (8 bytes, big-endian), then s
//	number  = first 8 bytes, big-endian, of HMAC-SHA-256(seed, message)
//
//	0 ────────── number wins ──────────┬────────── number loses ──────── 2^64-1
//	                                   threshold = floor(probability * 2^64)
//
// The comparison number < threshold takes 65 bits (numeric in SQL), so that
// probability 0 never and probability 1 always wins, the number 2^64-1 included.
// The amount is not in the message: nobody can try amounts until one wins.
// An order is drawn once: (customer_id, order_ref) is unique for ever, and the
// same order again gets the same result.
//
// # The group commit
//
// A draw must be on disk before its answer leaves, and a disk flush takes longer
// than a draw. So the draws that arrive while one flush runs share the next one:
//
//	POST ─┐                     ┌──────────── one flush, one connection ────────────┐
//	POST ─┼─▶ Service.Draw ────▶│ numbers by HMAC with the cached seed              │
//	POST ─┘   (waits, holds no  │ ─▶ BEGIN; transaction_draw(all orders):  ┐        │
//	           connection)      │    1. lock the matching tiers that have  │ 1st    │
//	                            │       limits, in the order of their ids  │ round  │
//	                            │    2. for each order: drawn before? else │ trip   │
//	                            │       apply the limits, insert           ┘        │
//	                            │ ◀─ rows: every request's answer and log row       │
//	                            │    are made here                                  │
//	                            │ ─▶ insert the log rows; COMMIT           ─ 2nd    │
//	                            └───────────────────────────────────────────────────┘
//
// Why two steps: under READ COMMITTED each statement has its own snapshot. A
// single statement would wait for a tier's lock with a snapshot from before the
// wait, not see what the last holder spent, and overspend. Tiers without limits
// are never locked, so their draws run side by side.
//
// Why it cannot deadlock: tiers are locked in the order of their ids, then cancelled
// draws whose numbers are inherited in the order of customer, tier and id, and then
// rows are inserted in one order of their keys. A cancellation locks its tier, then its row.
//
// A win that breaks a limit gets no discount, never a part of one, and the row
// says which limit it was (capped_by).
//
// Three things make a flush start again: the day ended between the numbers and
// the statement (ErrStaleEpoch; the statement refuses them), a tier got its first
// limit between the two steps (ErrTryAgain), and an error that belongs to single
// rows, after which the batch is cut in halves until the bad row stands alone: one
// bad order never fails the others.
//
// A caller that hangs up leaves its draw in the batch. It is committed, and the
// same order asked again gets that result.
//
// # Cancelling, and where an export ends
//
// A cancelled row stays. Its limits are given back under the tier's lock, and its number
// is inherited once: by the customer's next order in that tier that day, so that nobody
// draws again by cancelling.
//
// A row's moment is the start of its transaction, so it appears later than its moment. An
// export must end before every such row. So who draws or cancels announces the second of
// its start with a shared advisory lock, and is refused when that lies 5 seconds back:
//
//	──────────────┬────────────────────┬──────────────▶ time
//	              │ oldest announced   │ now - 5 s
//	              └─ Until: the earlier of the two; the clock is read before the locks
//
// What one transaction must hold (limits, replays, locks, plans) is tested on a real
// database: internal/postgres/transaction_*test.go, tier_test.go, epoch_test.go.
package transaction
