"""Names of things on the dashboard, and the sentences that say a chart in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal.dashboard import numbers
from django_sespan._internal.dashboard.frame import Column
from django_sespan._internal.dashboard.steps import Steps
from django_sespan._internal.words import PURPOSES, REQUEST_TYPES, word

TONES = {
    "OTP": "blue",
    "Login": "teal",
    "Transaction": "amber",
    "Report": "violet",
    "Admin": "grey",
}
"""Request type of the API log → its colour."""

STEP_NAMES = {
    "hour": gettext_lazy("Hour"),
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week from"),
    "month": gettext_lazy("Month"),
}


def request_type(name: str) -> str:
    """Return what a request type is called."""
    return word(name, REQUEST_TYPES)


def tone(name: str) -> str:
    """Return the colour of a request type."""
    return TONES.get(name, "rose")


def purpose(name: str) -> str:
    """Return what a purpose of codes is called."""
    return word(name, PURPOSES)


def step_column(step: str) -> Column:
    """Return the first column of a table by steps."""
    return Column(step, str(STEP_NAMES[step]), "text")


def per_step(step: str) -> str:
    """Return “per hour” and the like."""
    return {
        "hour": _("per hour"),
        "day": _("per day"),
        "week": _("per week"),
        "month": _("per month"),
    }[step]


def table(title: str) -> str:
    """Return what the table under a chart is called."""
    return _("Table: %(title)s") % {"title": title}


def peak(what: str, total: str, steps: Steps, values: Sequence[int | Decimal]) -> str:
    """Say a chart of bars in words: how much in all, and when most."""
    highest = max(values, default=0)
    if not highest:
        return _("%(what)s: none in this period.") % {"what": what}
    at = list(values).index(highest)
    return _("%(what)s: %(total)s in all; most %(when)s (%(most)s).") % {
        "what": what,
        "total": total,
        "when": steps.names[at],
        "most": numbers.written(highest),
    }
