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
//
// # Whose key
//
// A machine's key belongs to nobody; a person's key has an owner, at most the owner's
// roles, and ends with them. Who has which role is the site's business:
//
//	site's groups ──▶ signals ─────────────────────────▶ key_owner_roles ─┐
//	      └─────────▶ comparison (by a staff page, by cron) ─▶ people_compare ─┴▶ keys that are not covered end
//
// Both end keys in the database; a server follows within the cache's five seconds. A staff
// token that was minted before a loss of roles makes no key (Principal.Issued).
//
// # Audit
//
// Triggers write the audit in the commit of a change, whoever makes it; Actor, which
// travels with the context, tells them who and through what. What no trigger sees, that
// somebody reads personal data, is entered by an Auditor before it is shown.
package access
