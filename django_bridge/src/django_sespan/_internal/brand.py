"""How the site's mails look: SESPAN["BRAND"] has its name, colour and logo."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings

from django_sespan.conf import get_settings

COLOR = re.compile(r"#[0-9a-fA-F]{6}")
DEFAULT_COLOR = "#0f172a"
HALF_WAY = 0.179
"""The relative luminance on which black and white are equally easy to read (WCAG 2.2)."""
LINEAR_UP_TO = 0.04045
"""Of sRGB."""


@dataclass(frozen=True)
class Brand:
    """What the frame of a mail shows."""

    name: str
    color: str
    on_color: str
    logo: str


def brand() -> Brand:
    """Return the site's; without a name that of the sender of its mails."""
    given = get_settings().brand
    color = str(given.get("COLOR") or "")
    if not COLOR.fullmatch(color):
        color = DEFAULT_COLOR
    name = str(given.get("NAME") or parseaddr(settings.DEFAULT_FROM_EMAIL)[0])
    return Brand(name, color, text_on(color), str(given.get("LOGO") or ""))


def text_on(color: str) -> str:
    """Return black or white, whichever has more contrast on a colour #rrggbb."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= LINEAR_UP_TO else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if luminance > HALF_WAY else "#ffffff"
