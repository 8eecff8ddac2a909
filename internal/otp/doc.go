// Package otp is the rules of e-mailed one-time codes: who gets one, what a
// guess costs, and what a correct code may do. It knows no database and no HTTP.
//
// A challenge is one request to prove an address; its id is the handle that the site
// holds. It has up to three live codes, because a mail may be late and a person then
// types the code of the first one.
//
//	POST ──▶ challenge ──▶ code 1 ─ mail        verify locks: budget ▸ challenge ▸ codes ▸ right ▸ customer
//	 again within 60 s: the same challenge,        │
//	 no mail                                       ├ no live code ───▶ expired
//	 after 60 s, or resend ─▶ code 2 ─ mail        ├ no guess left ──▶ locked
//	                      ─▶ code 3 ─ mail        count the guess, then compare
//	                      ─▶ code 4, and          ├ wrong ──▶ incorrect; the fifth locks the challenge
//	                         code 1 superseded    └ correct ▶ verified, all codes used up, the guess given back
//
// Guessing is bounded in two places: five wrong guesses for a challenge and ten
// an hour for an address and purpose (the budget), which no resend, challenge or
// network address refills. Everything about an address and purpose happens under
// the lock of its budget row, taken first; so fifty guesses at once are one after
// the other, each counted before it is compared.
//
// Nobody learns from an answer whether an address is known: an unknown one gets a
// decoy, a challenge whose code is sent to nobody. It is stored, limited, guessed
// at and locked like any other; even its mail is enqueued, and rolled back. For a
// registration it is the other way round:
//
//	who has the address                     login      registration
//	nobody                                  decoy      code
//	one who may be activated                decoy      code
//	an active customer                      code       decoy, and a mail "you have an account"
//	one who is inactive for good, several   decoy      decoy
//
// Activation. A correct code of purpose registration makes an inactive customer
// active only with the activation right, which is born with its customer and dies
// with a ban:
//
//	the site's transaction                          no call of HTTP grants or lengthens it
//	INSERT customer ─▶ otp_register ─▶ live ──┬──▶ used up   the first verification
//	                                          ├──▶ revoked   otp_revoke: a ban before the first code
//	                                          └──▶ revoked   active without a code, as soon as it is seen
//
// It is seen by otp_activated, which the bridge calls at each save, by issuing,
// resending and verifying codes, and by the trigger of bind-customers --watch.
// Whoever was inactive before, or is banned later, stays inactive.
//
// The site takes part in its own transaction: sespan.otp_supersede ends what a
// further registration of the customer replaces, under the same locks.
//
// The rules are tested on a real database: internal/postgres/otp_*_test.go.
package otp
