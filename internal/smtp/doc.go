// Package smtp delivers mails to a relay, or its fail-overs, over connections that
// are kept. A Relay is one of them; Relays are one or several, with a circuit breaker each.
//
// go-simple-mail speaks the protocol; this package owns everything round it:
// dialling, TLS, deadlines, the pool and the meaning of a failure. The library
// is handed a finished connection, a wire, and reads and writes that:
//
//	Send                       library                     wire                relay
//	  │  SendMessage              │                          │                    │
//	  ├──────────────────────────▶│ MAIL FROM:<a>            │                    │
//	  │                           ├─────────────────────────▶│ MAIL RCPT BDAT and │
//	  │                           │                          ├───────────────────▶│ the message: one write
//	  │                           │ 250                      │◀───────────────────┤
//	  │                           │◀─────────────────────────┤ 250, 250, 250      │
//	  │                           │ RCPT TO:<b>              │                    │
//	  │                           ├─────────────────────────▶│ (already sent)     │
//	  │                           │ DATA, the end            │                    │
//	  │                           ├─────────────────────────▶│ (already sent)     │
//	  │ Receipt                   │ 250 queued as 4X         │                    │
//	  │◀──────────────────────────┤◀─────────────────────────┤ remembers the text │
//
// The wire gathers what the library writes until the library reads, so that an
// exchange is one write and one deadline covers it whole: a relay that trickles
// bytes gains nothing. It hands over exactly one reply at a time, which is how it
// knows the phase, keeps the last reply (the library drops it), bounds its size,
// and can send what belongs together at once although the library asks for it one
// by one. What that is depends on the relay's EHLO reply:
//
//	PIPELINING and CHUNKING   MAIL RCPT BDAT message     one round trip    (RFC 3030)
//	PIPELINING, mails wait    message MAIL RCPT DATA     one round trip    (RFC 2920)
//	PIPELINING                MAIL RCPT DATA, message    two round trips
//	neither                   MAIL, RCPT, DATA, message  four
//
// While mails wait in the pool for a connection, the envelope of the first of them
// travels with the message of the mail before it (pipelining.go), and that connection
// is reserved for it:
//
//	Send a                  pool                      Send b
//	  │                       │◀──────acquire(b)────────┤ waits: all connections are in use
//	  │ message of a is due   │                         │
//	  ├──reserve(conn)───────▶│ b is bound to conn      │
//	  │ writes: message a, MAIL b, RCPT b, DATA b       │
//	  │ reads: 250 for a      │                         │
//	  ├──handOver(conn)──────▶├────────conn────────────▶│ reads: 250, 250, 354
//	  ▼                       │                         │ writes: message b
//
// Whether the first mail was taken is known from its own reply alone. If that takes
// longer than a second, or the connection is lost, the waiting mail gets another one.
// A relay that loses what follows a final dot is noticed at the first mail, which
// goes alone then.
//
// A large message, one on a connection that has idled and one of which a second
// copy would be worse than none (HoldUnknown) wait for the relay's 354 all the same.
// The message itself goes past the library, which would copy it byte by byte. If
// the relay refuses MAIL or RCPT, the replies that are still due are read
// before the connection is used again.
//
// # The files in a mail's order
//
//	relays.go            which relay: the first whose circuit breaker lets the mail go, else the next
//	circuit_breaker.go   what an outcome says of the relay; probe.go asks one that is down
//	relay.go             Send: the transaction, a connection, delivery, once more if it was stale
//	transaction.go       addresses and message, ready for the wire
//	pool.go, dial.go     a kept connection or a new one: TCP, TLS, EHLO, AUTH
//	conn.go              one delivery: RSET or NOOP first where needed, then the library
//	wire.go, message.go  what is written and read; pipelining.go adds the next envelope
//	reply.go, phase.go   one reply, and which command it belongs to
//	classify.go          a failure's verdict; connection_limit.go learns from it
//
// # What a failure means
//
// Until the last byte of the message (the final dot, or the last of the chunk) has
// been given to the kernel the relay cannot have taken the mail: the verdict is
// retry, or dead when MAIL, RCPT or DATA was refused with 5xx. After it the relay's
// answer decides; if that answer is lost, nobody knows, and the verdict is unknown.
//
// A kept connection may have been closed by the relay meanwhile. That shows at
// MAIL (end of file, or 421): a relay answers in order, so it has not come to the
// message, and the connection is replaced once without the caller noticing. (A relay
// that gathers its replies and dies before the first of them has left, with the
// message already on its disk, gets that message twice. The message of a mail with
// HoldUnknown never travels with its envelope.)
//
// # Several relays
//
// A mail goes to the first relay whose breaker lets it. If the relay cannot be
// reached or says 421 the next one gets the mail at once; after anything that the
// relay says of the mail itself, and above all after a lost answer, it does not.
//
//	closed ──relay is down, or 5 mails found it degraded──▶ open ──probe answered──▶ half open ──one mail went──▶ closed
//	                                                         ▲ │ 5 s … 20 s               │
//	                                                         └─┴──────────failed──────────┘
//
// It is the same for a relay alone. While no breaker lets a mail go, Relays.Ready
// waits, and Send fails without asking a relay, which costs the mail no try.
//
// # Limits that a relay shows
//
// How many connections it takes (pool.lowerLimit) and how many mails over one of them
// (connection_limit.go). How many commands beside mails it bears is not learned: a
// connection is replaced after eight (conn.go). Rates are the mail worker's business, which
// knows the recipients.
//
// # Passwords
//
// Credentials are sent over TLS only. The one exception is a relay on this
// machine: tls=none with a loopback host, where the peer's address is checked
// again once the connection stands.
package smtp
