// Package dkim signs mails (RFC 6376, RFC 8463) with one or two keys of the site's
// domain. go-msgauth makes the signatures; this package reads the keys, chooses the
// fields, leaves messages alone that the domain has signed already, and knows the
// DNS record that must be published.
//
// Canonicalisation is relaxed/relaxed, so a relay that folds header fields anew or
// drops blanks at line ends does no harm. Signed are the fields of signedFields,
// as often as they stand in the message; those of oversignedFields once more, so that a
// second From or Subject, put in later, breaks the signature (RFC 6376 section 8.15).
// List-Unsubscribe and List-Unsubscribe-Post are covered, as RFC 8058 demands.
//
// # Cost
//
// An RSA-2048 signature costs about a millisecond of one core, an Ed25519 one less than
// a tenth of it (BenchmarkSign), so RSA bounds a core to some hundred messages a second.
// The recipients of one message and its later tries share a signature: the last ones
// made are cached by the message's digest.
package dkim
