// Package mail is the queue's domain: what may happen to a mail (the states) and who
// makes it happen (Worker). The rows are in PostgreSQL, behind Store; the SMTP dialogue
// is behind Sender. What a message looks like is package mime's; how fast mails may go
// is package ratelimit's.
//
// # States
//
// A message has one row in mail_queue per envelope recipient. A final state moves
// to mail_outcome and the hot row is deleted, so the hot table stays small; with
// the last recipient the body is wiped.
//
//	mail_enqueue ─▶ queued ────────────claim──────────▶ sending ──250──▶ sent ▪
//	            └─▶ scheduled ──due──▶ claim ─────────────▲ │ │ ├─5xx or last try─▶ dead ▪
//	                                                      │ │ │ └─expires_at─▶ expired ▪
//	                    retry ◀──4xx, not reached─────────┼─┘ │
//	                      └──────due──────────────────────┘   │ the answer to the final
//	                      ▲                                   │ dot is lost, or the worker
//	                      │ on_unknown = retry                │ vanished over it
//	                      └───────────────────────────────────┴─ on_unknown = hold ─▶ unknown
//
//	▪ final. suppressed and cancelled are final, too, and set by people or lists.
//
// A failure of the relay itself (no connection, no TLS, login refused) costs the
// mail no try: while no relay serves, Sender.Ready waits. See backoff.go for the
// time between tries.
//
// A mail that a rate limit postpones, configured or found out because a domain
// throttles, returns as retry with its slot as due_at and no try counted, so that the
// mails behind it pass.
//
// # Leases
//
// A claim leases rows to a token for a while and reads their content in the same
// statement; no transaction is open while a mail is sent. Results are written in
// batches and only where the row still carries the token (the fence). Just before
// the sending begins the worker looks at its own clock: a lease that is about to
// lapse is left alone, because another worker may have the row soon.
//
//	worker A    claim(7) ─────sending──────╳ killed
//	row         queued │ sending, token 7, until 12:00:30 │ retry │ sending, token 9 │ sent
//	worker B                              reclaim after 12:00:30 ─┘ claim(9) ── settle(9)
//	worker A (was only asleep)                             settle(7) ─▶ no such token: fenced
//
// A worker that vanishes may have sent what it had leased. Such a row is sent again, or,
// with on_unknown = hold, only when its sending had not begun: for those rows, and
// for rows that a worker already vanished over, the beginning is written down
// first (MarkSending). After five workers the mail counts as the cause and is dead.
//
// # Doorbell
//
// A NOTIFY in every inserting transaction would serialise their commits. So the
// insert trigger notifies only while no worker is busy: one that has more than enough
// to do, or no relay, suppresses notifications, by a flag. The flag is a sequence,
// which stands outside MVCC: even a snapshot of an hour ago sees its present value, and
// it dies by itself with the worker, because it says until when.
//
//	       worker                            inserting transaction
//	       ──────                            ─────────────────────
//	busy:  suppressNotify                    INSERT   takes ROW EXCLUSIVE on mail_queue
//	       claim, claim, claim …             trigger  suppressed? silent : NOTIFY
//	idle:  1 allowNotify                     …
//	       2 openInserters: who has          COMMIT   releases the lock; NOTIFY goes out
//	         ROW EXCLUSIVE?
//	       3 claim once more
//	       nobody in 2? sleep until notified
//	       else         back to 2, ever slower
//
// No wake-up is lost. An insert that read the flag after 1 notifies. One that read it
// before 1 had its lock already, so at 2 it is either seen, and the worker keeps
// looking, or it has ended before 2 and 3 sees its row. While few mails come
// notifications stay allowed, and each costs one claim.
//
// While mails come fast they stay suppressed over a few empty looks: where many
// enqueue, they would else be allowed and suppressed again and again, and each time all
// of them would notify.
//
// The doorbell is only a hint all the same. Whatever happens to it (LISTEN swallowed by
// a pooler, a half-open connection, the doorbell switched off because two-phase commit
// refuses NOTIFY), the poll finds the row. The listener sends itself a canary, a
// notification of its own, and so knows whether they arrive (Listening); while they do
// not, the poll comes ten times as often.
//
// An announcer (below) keeps the same protocol. Whoever is awake and can take no more,
// because its window is full or its broker takes nothing, rings for the others once a second.
//
// # Announcements
//
// With a message broker the row stays the truth, and the broker only says which row is
// next (Announcer, Broker):
//
//	announcer   mark (announced_at) ─commit─▶ publish ──confirmed──▶ nothing is written
//	                  ▲                          └─refused, returned, no answer─▶ mark taken back
//	                  └── never more than a window of unclaimed ones in each lane;
//	                      again after 5 s (urgent) or 30 s, or once it is due anew
//	consumer    delivery ──▶ claim by key ─commit─▶ acknowledge, whatever came of it
//
// The window adapts: no more of a lane is announced than is claimed within a third of the
// age at which announcements are made again (announcer_lane.go). So a slow lane is not
// announced over and over, and the backlog with its order stays in PostgreSQL. While the
// broker takes nothing a single row is tried, ever less often. Whether senders ask the
// database meanwhile is decided by what it shows (sespan.mail_fallback).
//
// # Parked mails
//
// A pause of everything stops the claims. A row of a paused category or domain is
// claimed once, parked (due at infinity) and let go when the pause is over. A
// recipient on the suppression list is found at the claim and ends as suppressed.
//
// # Brokers
//
// A Dispatcher decides which rows are next. One asks the queue itself. With RabbitMQ or
// Apache Kafka an Announcer marks ready rows and publishes references to them, and the
// other Dispatcher claims by key what it is told of. The row stays the truth:
//
//	ready row ─mark, commit─▶ announced ─publish─▶ broker ─deliver─▶ held ─claim, commit─▶ sending
//	    ▲                         │                                   │ │        │
//	    ├──returned, refused, late┘            no room for 2 s: mark  │ │        └─▶ acknowledged, as is
//	    └───────────────◀──────────────────────cleared, acknowledged──┘ │            what is not ready
//	                                             claim failed: it stays held
//
// An announcement may be lost, repeated or late, and costs one look at its row then. What
// a claim has committed is the lease's, not the broker's: a delivery is acknowledged
// whatever its row was. So workers with and without a broker, or with two, run side by
// side, and what lies at a broker that was left is dropped once somebody consumes there.
//
// Of each lane the broker may bring about what the worker sends of it in a second
// (lane_room.go): what it holds it sends before it would have to give it up.
//
// While the database shows that rows wait which the broker does not bring, the worker
// runs both dispatchers (fallback.go). No connection decides that: a broker may take
// connections and nothing else.
//
// # Flow
//
//	dispatch ─claim─▶ jobs ─▶ sender 1…n ──▶ results ──▶ settle ──one statement per batch──▶
//	  ▲          by priority  rate limits, compose, sign,          │
//	  │                       backpressure, Ready, lease, Send     │
//	  └────── capacity: about 500 ms of work ahead ◀── leases ◀────┘
//
// Urgent mails pass what the worker holds: jobs is no row in which one stands but a queue
// by priority, and capacity counts for each priority what is as urgent or more. So a
// worker that has its share of bulk still claims codes; nothing is reserved for them. No
// insert wakes such a worker: it looks every 50 ms, at the urgent end of the indexes
// alone, for retries and scheduled mails that are due as well. What they pass keeps its
// lease, and is given back at the end like the others.
//
// What can stop a mail between its claim and the socket, and why each is there:
//
//	prefetch        a worker claims no more than it soon sends: others get their share,
//	                and a stop gives back little (prefetch.go)
//	bytes           large mails: the content in memory is bounded (dispatch.go)
//	rate limits     what the operator configured and what domains bear; configured and
//	                adaptive in one question (package ratelimit)
//	backpressure    while results cannot be written, a crash would send every further
//	                mail twice (backpressure.go)
//	Ready           while no relay serves, nothing is claimed and no mail is tried (package smtp)
//	lease           another worker may have the row: never two at once (leases.go)
//	connections     what a relay bears at once (package smtp). While a mail waits for one
//	                nothing of it has begun: expiry and lease are looked at, and the
//	                beginning is noted, with the connection at hand (attempt.go)
package mail
