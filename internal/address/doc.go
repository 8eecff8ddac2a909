// Package address has the two forms of an e-mail address that Sespan works with.
//
// Mailbox is the address to write to, which is stored and mailed: the local part
// as it was given, composed (NFC), the domain as A-labels. Key is the address key,
// by which budgets, look-ups, suppressions and "already used" compare: its local
// part is folded by Unicode's case table after compatibility mappings, so that
// wide, circled and capital letters are one, and its domain is that of Mailbox.
// A domain is mapped by UTS 46 without the transitional processing that took ß for
// ss and is no longer used: faß.de and fass.de are two domains, and so are
// maıl-in.com and mail-in.com.
//
// Python (django_sespan._internal.address) and SQL (sespan.address_key) have the
// same functions. testdata/vectors.json holds the three together: each runs it.
// SQL has no IDNA, and not every server folds Unicode: beyond ASCII it answers
// NULL. A domain in ASCII is only put in lower case, here too, because DNS has
// names that IDNA would refuse, such as ab--cd.co.
package address
