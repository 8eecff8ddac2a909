// Command faults injects faults into the mail queue with real worker processes, and
// reconciles: every mail of a committed transaction must have
// arrived or be in a state that a person can see, and a second copy is allowed only
// where the answer to the first was lost.
//
// The campaign "counting" does the same to draws, cancellations, codes and their
// counts; the campaign "broker" puts announcers, senders, RabbitMQ and Kafka, the ways to
// them and PostgreSQL through faults while mails go by a broker. Their drawings stand at
// the types.
//
//	go run ./internal/devtools/faults [flags] [counting | broker]
//
// A phase enqueues mails while one kind of fault goes on, then waits until the queue
// is idle:
//
//	enqueue ──► mail_queue ──► workers (killed, replaced) ──► mail server (fails)
//	   │             │                                            │
//	 ledger        states          (PostgreSQL crashes)        received
//	   └─────────────┴───────────── reconcile ────────────────────┘
package main
