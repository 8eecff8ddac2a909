"""Normalise a typed code."""

from __future__ import annotations

import unicodedata

LENGTHS = (6, 8)
_IGNORED = {"Pd", "Zs", "Zl", "Zp", "Cc", "Cf"}  # dashes, spaces, line ends, invisible characters


def normalise(typed: str) -> str | None:
    """Return the digits of what was typed or pasted, None when that cannot be a code.

    Spaces, dashes, invisible characters and digits of other scripts or widths are
    taken; anything else is not, so that a mistyped letter costs no guess.
    """
    digits: list[str] = []
    for char in typed:
        if char == "\N{MINUS SIGN}" or unicodedata.category(char) in _IGNORED:
            continue
        value = unicodedata.decimal(char, None)
        if value is None:
            return None
        digits.append(str(value))
    return "".join(digits) if len(digits) in LENGTHS else None
