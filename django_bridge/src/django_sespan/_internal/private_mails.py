"""What of a mail is for its recipient alone: whoever could read it could take the account.

Two ways lead here. Not shown at all is a mail of the category that `forms.PasswordResetMixin`
gives to password resets, or of one in `SESPAN["NEVER_PREVIEWED"]`. In every other mail the
tokens of Django's reset links are taken out, so that a form which knows no categories (Django's
own, allauth's) gives nothing away either. Codes are sealed: the database itself does not know
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django_sespan.conf import get_settings

# What PasswordResetTokenGenerator makes: a time to the base of 36 and half of a SHA-256.
TOKEN = re.compile(r"(?<![0-9A-Za-z])[0-9a-z]{1,13}-[0-9a-f]{32}(?![0-9A-Za-z])")
HIDDEN = "•••"
BODIES = ("body_text", "body_html")


def is_private(category: str | None) -> bool:
    """Whether mails of this category are shown to nobody."""
    return category in get_settings().never_previewed


def masked(text: str) -> str:
    """Return a text without the tokens that would set a password."""
    return TOKEN.sub(HIDDEN, text)


def without_secrets(mail: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mail of an export as it may be handed to a clerk."""
    private = is_private(mail.get("category"))
    bodies = {
        name: masked(body) if not private else None
        for name in BODIES
        if isinstance(body := mail.get(name), str)
    }
    return {**mail, **bodies}
