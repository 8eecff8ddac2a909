"""Whether an address looks mistyped, told without asking the network."""

from __future__ import annotations

from difflib import get_close_matches

from django_sespan._internal.address import key

PROVIDERS = (
    "gmail.com",
    "googlemail.com",
    "mail.com",
    "email.com",
    "yahoo.com",
    "yahoo.co.id",
    "ymail.com",
    "rocketmail.com",
    "hotmail.com",
    "outlook.com",
    "outlook.co.id",
    "live.com",
    "msn.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "gmx.de",
    "gmx.com",
    "gmx.net",
    "web.de",
    "proton.me",
    "protonmail.com",
    "telkom.net",
)
"""Domains of which most customers' addresses are, and most slips of the finger."""

ENDINGS = {
    "con": "com",
    "cmo": "com",
    "ocm": "com",
    "comm": "com",
    "vom": "com",
    "xom": "com",
    "cpm": "com",
    "coom": "com",
    "nett": "net",
    "ner": "net",
    "ogr": "org",
}
NOWHERE = frozenset({"invalid", "test", "example", "localhost", "local"})
"""Top-level domains that lead nowhere (RFC 2606, RFC 6762)."""

LIKENESS = 0.87


def suggestion(email: str) -> str:
    """Return the address that may be meant, "" where nothing looks wrong."""
    try:
        local, _at, domain = key(email).rpartition("@")
    except ValueError:
        return ""
    better = _domain(domain)
    return f"{local}@{better}" if better and better != domain else ""


def leads_nowhere(email: str) -> bool:
    """Whether no mail can go to the domain: it has no dot, or an ending that is reserved."""
    name = email.rpartition("@")[2].lower()
    return "." not in name or name.rpartition(".")[2] in NOWHERE


def _domain(domain: str) -> str:
    if domain in PROVIDERS:
        return ""
    name, _dot, ending = domain.rpartition(".")
    if ending in ENDINGS:
        return _domain(f"{name}.{ENDINGS[ending]}") or f"{name}.{ENDINGS[ending]}"
    near = get_close_matches(domain, PROVIDERS, n=1, cutoff=LIKENESS)
    return near[0] if near else ""
