// Package ratelimit decides when a mail may go: rates that are configured, for all
// mails and by recipient domain, and rates that are found out because a domain or
// the relay throttles. It knows neither the queue nor SMTP; the clock is the caller's.
//
//	            Admit(domain, priority)
//	                     │
//	    the domain's adaptive limit ──closed or no token──▶ postpone, "breaker"
//	                     │
//	    the domain's configured rate ──no token───────────▶ postpone, "limited"
//	                     │
//	    the same two for all mails ──token within 250 ms──▶ wait, then send
//	                     │         ──later────────────────▶ postpone
//	                    send
//	                     │
//	Observe(domain, server's reply): 2xx, 5xx ▶ onSuccess   4xx that throttles ▶ onThrottled
//
// # Slots
//
// A postponed mail goes back to the queue with a slot: the time at which it may ask
// again. Slots of a domain are as far apart as its rate allows, so nothing is asked
// twice in a short while, and each of 100,000 mails to one slow domain is moved once.
// A slot takes no token: the mail that holds it may be cancelled, expire or come back
// to another process. The token is taken when the mail goes. So the rate is kept
// whatever becomes of the slots, after a restart too.
//
// # Shares
//
// Configured rates are the site's. Each process that sends takes the same share of them
// and is told how many there are (Share): a counter that all write to would cost a write
// and a lock for each mail. Slots that were given before a sender came or went stay; all
// of them together are as far apart as the whole rate allows.
//
// Urgent mails overtake. Each priority has its own row of slots, behind those of the
// more urgent ones only, and may overdraw the bucket the further the more urgent it
// is; the less urgent ones then wait until the account is even again.
//
// # Adaptive limit
//
//	free ──8 strikes, or "try again in N"──▶ closed ──pause──▶ slow: 1/s, 2/s … 64/s ──▶ free
//	                                          ▲                  │
//	                                          └──────strike──────┘  (the pause doubles)
//
// A strike is a 4xx that speaks of the domain, not of one mailbox; two where the
// server says that it wants fewer mails. Throttling by one domain after the other,
// with no success between, is the relay's own and slows down all mails.
//
// # Tokens
//
// golang.org/x/time/rate was tried for the buckets: its burst is a whole number of
// tokens, where half a second's worth often is none, its reservations take the token
// when the slot is given, and it knows no priorities. What was left of it is the
// twenty lines of token_bucket.go.
package ratelimit
