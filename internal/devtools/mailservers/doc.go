// Command mailservers sends through real mail servers, Debian's Postfix, Exim and
// OpenSMTPD in several setups, and reconciles what they delivered, what they logged
// and what the queue says.
//
//	go run ./internal/devtools/mailservers [flags]
//
// It runs as root: apt fetches the packages (debian.go), each server runs in a root
// folder of its own (chroot.go) and delivers to one mailbox (mailbox.go).
//
//	mail_queue ──► worker ──► mail server ──► mailbox
//	    │                         │              │
//	 outcomes                    log          deliveries
//	    └───────── reconcile ─────┴──────────────┘
package main
