// Package mailevent reads mail events: what mail servers report after they accepted a
// mail (it was delivered, it bounced, somebody complained or unsubscribed). They put
// addresses on the suppression list, which are not written to any more.
//
//	relay or its webhook ──signed form, HMAC──▶ ┐
//	Amazon SES ──▶ SNS ──signed by Amazon─────▶ ├─▶ Event ─▶ Store: once each, only mails we sent
//	                                            ┘                └─▶ suppression ─▶ the worker ends
//	                                                                 such a mail as "suppressed"
//
// Whoever could forge an event could keep mails from somebody. So an event counts
// only with a signature of a known source, within five minutes (an hour for
// Amazon, which repeats them), once, and for a recipient of a mail that we sent.
//
// What an event does to the suppression list is tested on a real database:
// internal/postgres/mail_event_test.go.
package mailevent
