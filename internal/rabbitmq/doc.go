// Package rabbitmq carries announcements over RabbitMQ 3.10 and later: a mail.Broker. What is lost here costs nothing,
// because the rows are in PostgreSQL and are announced again; so the package is made to notice, not to insist.
//
//	announcer                                     RabbitMQ                                     consumer
//	    │ Publish                                                                          Deliveries ▲
//	    ▼                                                                                             │
//	publisher ── one channel ──▶ exchange <prefix>.mail ─┬─▶ queue <prefix>.mail.urgent ── channel ──▶┤
//	    ▲   confirms, returns    (direct, by lane)       ├─▶ queue <prefix>.mail.normal ── channel ──▶┤ the most urgent first
//	    └──────────────────────────────────────          └─▶ queue <prefix>.mail.bulk ──── channel ──▶┤
//	                                                                                                  │ no announcement,
//	                             exchange <prefix>.mail.dead ──▶ queue <prefix>.mail.dead ◀───────────┘ or another's
//	                             (fanout)                        at most 7 days and 100 MB
//
// # The topology
//
// The queues are quorum queues (x-queue-type), so that a confirmation means a majority of the nodes that hold them. A
// message lies in a lane for a minute at most (x-message-ttl, which quorum queues have since 3.10): by then it has been
// announced again, and without this a site whose consumers are all away would fill the broker with copies. Every
// connection declares all of it, so that a broker which has lost its data has it again. What is there with other arguments
// is an error that says which queue it is and how it is removed.
//
// # Rights
//
// <p> is the prefix, sespan by default; each is a regular expression in one virtual host.
//
//	                              configure                               write                    read
//	declares everything itself    ^<p>\.mail(\.(urgent|normal|bulk|dead))?$   the same                 the same
//	announcer, topology there     ^$                                      ^<p>\.mail$              ^$
//	consumer, topology there      ^$                                      ^<p>\.mail\.dead$        ^<p>\.mail\.(urgent|normal|bulk)$
//
// Without the right to configure the names are looked up instead of declared.
//
// # Publishing
//
// All publishers of a process share a connection and a channel in confirm mode. A batch is written at once and its
// confirmations are awaited together, each by its delivery tag, so many are in flight. Messages are mandatory: one that no
// queue takes comes back (basic.return) before it is confirmed, on the same channel, and the message's own id says which it
// was. While the broker is low on memory or disk it says connection.blocked and stops reading: what waits for a
// confirmation then, and what comes until it says unblocked, is refused at once.
//
// # Consuming
//
// A consumer has a connection of its own (a blocked publisher must not hold up acknowledgements) with a channel for each
// lane, and on each a prefetch: what the consumer has room for. For another number it is cancelled and begins anew. Deliveries are handed on one by one, the most urgent lane first; a consumer without room
// is cancelled until it has some. Acknowledgements name many deliveries at once where no older one of the lane is still waiting.
//
// # Connections
//
// Addresses are tried in turn, beginning with the one that is in use. After a failure the first attempt is made at once,
// later ones after 0.2 s to 5 s with jitter. A peer that is silent is noticed by heartbeats within 8 s. Whatever goes wrong
// on a channel ends its connection too: a new one is cheaper than to know in which state the old one is.
package rabbitmq
