"""The two forms of an e-mail address: the one to write to, and the key that compares it.

The Go package `internal/address` says why they are as they are, and its file of vectors
holds Go, Python and SQL together.
"""

from __future__ import annotations

import unicodedata

import idna

MAX_BYTES = 1000  # of an address; what SMTP has room for is the mail queue's question
MAX_DOMAIN, MAX_LABEL = 253, 63
BLANKS = " \t\r\n\f\v"
A_LABEL = "xn--"
ASCII_LOWER = {ord(c): c.lower() for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
FORM = "is not an e-mail address of the form name@domain"
DOMAIN = "has no valid domain after the @"


def mailbox(address: str) -> str:
    """Return the address to write to: local part composed (NFC), domain as A-labels."""
    local, name = _split(address)
    return f"{unicodedata.normalize('NFC', local)}@{domain(name)}"


def key(address: str) -> str:
    """Return the address key, by which addresses compare."""
    local, name = _split(address)
    folded = _nfkc(_nfkc(local).casefold())
    return f"{folded}@{domain(name)}"


def same(a: str, b: str) -> bool:
    """Whether two addresses have one key; what has none is like nothing."""
    try:
        return key(a) == key(b)
    except ValueError:
        return False


def key_or_text(address: str) -> str:
    """Return the key, or of what has none its text: for limits, which count nonsense too.

    Without the blanks that a form takes off before it looks an address up, those of Unicode too.
    """
    bare = address.strip()
    try:
        return key(bare)
    except ValueError:
        return bare


def mask(address: str) -> str:
    """Show an address as Sespan does: the first letter and the domain, of the address key."""
    try:
        local, _at, name = key(address).rpartition("@")
    except ValueError:
        return "***"
    return f"{local[0]}***@{name}"


def spellings(address: str) -> list[str]:
    """Return the address to write to and the others of its key that a site may have stored.

    Beyond ASCII: the domain in its own alphabet, letters in upper or lower case. ASCII letters
    stand for both cases. They are what a look-up by an index asks for; none is of another key.
    Of what is no address there is none.
    """
    try:
        first, wanted = mailbox(address), key(address)
    except ValueError:
        return []
    local, name = _split(first)
    try:
        own = ".".join(map(_unicode_label, name.split(".")))
    except UnicodeError:  # a name of DNS that is none of IDNA
        own = name
    found = {fold_ascii(first): first}
    for host in dict.fromkeys([name, *_cased(own)]):
        for part in [*_cased(local), wanted.rpartition("@")[0]]:
            spelling = f"{part}@{host}"
            if same(spelling, first):
                found.setdefault(fold_ascii(spelling), spelling)
    return list(found.values())


def _cased(text: str) -> list[str]:
    """Return a text beyond ASCII in all cases that people write."""
    return [text] if text.isascii() else [text, text.lower(), text.upper(), text.title()]


def fold_ascii(text: str) -> str:
    """Put the ASCII letters into lower case, as SQL does under COLLATE "C"."""
    return text.translate(ASCII_LOWER)


def domain(name: str) -> str:
    """Return a domain as A-labels: UTS 46, non-transitional; ASCII is only put in lower case."""
    if name.isascii():
        plain = name.lower()
    else:
        try:
            # The capital ẞ, which Unicode once mapped to ss and now maps to ß.
            mapped = idna.uts46_remap(name.replace("ẞ", "ß"), std3_rules=True)
            labels = [_unicode_label(label) for label in mapped.split(".")]
            if any(unicodedata.bidirectional(c) in {"R", "AL", "AN"} for c in "".join(labels)):
                for label in filter(None, labels):
                    idna.check_bidi(label, check_ltr=True)
            plain = ".".join(map(_a_label, labels))
        except UnicodeError as exc:  # idna.IDNAError is one
            raise ValueError(DOMAIN) from exc
        if len(plain) > MAX_DOMAIN:
            raise ValueError(DOMAIN)
    if "" in plain.split(".") or " " in plain or "@" in plain:
        raise ValueError(DOMAIN)
    return plain


def _split(address: str) -> tuple[str, str]:
    try:
        size = len(address.encode())
    except UnicodeEncodeError as exc:  # a lone surrogate
        raise ValueError(FORM) from exc
    local, _at, name = address.strip(BLANKS).rpartition("@")
    broken = any(unicodedata.category(c) == "Cc" or c == "\ufffd" for c in local + name)
    if not local or not name or broken or size > MAX_BYTES:
        raise ValueError(FORM)
    return local, name


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _unicode_label(label: str) -> str:
    """Return a mapped label in its own alphabet; one that is punycode must say what it means."""
    if not label.startswith(A_LABEL):
        own = label
    else:
        own = label.removeprefix(A_LABEL).encode().decode("punycode")
        if own.isascii() or _a_label(own) != label:
            raise UnicodeError(DOMAIN)
        if idna.uts46_remap(own, std3_rules=True) != own:
            raise UnicodeError(DOMAIN)
    if not own.isascii():
        idna.check_initial_combiner(own)
        for position, letter in enumerate(own):
            if letter in "\u200c\u200d" and not idna.valid_contextj(own, position):
                raise UnicodeError(DOMAIN)
    return own


def _a_label(label: str) -> str:
    plain = label if label.isascii() else A_LABEL + label.encode("punycode").decode()
    if len(plain) > MAX_LABEL:
        raise UnicodeError(DOMAIN)
    return plain
