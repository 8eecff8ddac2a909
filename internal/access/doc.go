// Package access decides who calls: service keys for servers and scripts,
// short-lived signed tokens for browsers.
//
//	Authorization: Bearer sk_<id>_<secret> ─▶ Authenticator ─▶ cache (5 s) ─▶ api_key
//	Authorization: Bearer <JWT>            ─▶ Tokens ─▶ KeySet ─▶ SESPAN_JWKS
//	                                                        └──▶ Principal in the context
//
// A service key is compared with a plain SHA-256 of its secret: the secret has 256
// random bits, so a slow hash would protect nothing and burden every call. What is
// wrong with a key or a token (unknown, wrong, expired, revoked) is not told to the
// caller: there is one answer.
//
// A token is trusted only as far as the key that signed it: the algorithm is that
// of the key, never the one the token names; only EdDSA (Ed25519) and ES256 exist
// here; the key is found by kid in our own set and nowhere else (RFC 8725).
package access
