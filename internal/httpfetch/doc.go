// Package httpfetch gets documents of others by https: the site's public keys and the
// certificates of Amazon SNS. It follows no redirect, so that nobody who can move a
// document chooses what we trust, and bounds time and size.
package httpfetch
