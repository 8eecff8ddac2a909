// Package mime writes the message that goes over the wire: Compose makes an RFC 5322
// message of a Content. It knows neither the queue nor SMTP.
//
//	multipart/mixed                  with attachments
//	├─ multipart/alternative         with a text and an HTML body
//	│  ├─ text/plain
//	│  └─ multipart/related          with inline images
//	│     ├─ text/html
//	│     └─ image/png …
//	└─ application/pdf …
//
// A level that would have one child only is left out.
//
// Three rules hold for every message. The same content gives the same bytes, so that
// every try sends the same mail: boundaries come from the Message-ID (compose.go). No
// value breaks out of its header field (header.go). No line is longer than the 998
// bytes of RFC 5322: fields are folded, bodies encoded (encoding.go).
//
// A message that the caller has composed (Content.Raw) is changed as little as
// possible, so that its signatures stay valid (raw.go).
package mime
