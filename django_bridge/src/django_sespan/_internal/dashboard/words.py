"""Names of things on the dashboard, and the sentences that say a chart in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal.dashboard import numbers
from django_sespan._internal.dashboard.frame import Column
from django_sespan._internal.dashboard.steps import Steps

REQUEST_TYPES = {
    "OTP": (gettext_lazy("Codes"), "blue"),
    "Login": (gettext_lazy("Logins"), "teal"),
    "Transaction": (gettext_lazy("Draws"), "amber"),
    "Report": (gettext_lazy("Reports"), "violet"),
    "Admin": (gettext_lazy("Administration"), "grey"),
}
"""Request type of the API log → its name here and its colour."""

PURPOSES = {"registration": gettext_lazy("Registration"), "login": gettext_lazy("Login")}

STEP_NAMES = {
    "hour": gettext_lazy("Hour"),
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week from"),
    "month": gettext_lazy("Month"),
}


def request_type(name: str) -> str:
    """Return what a request type is called."""
    return str(REQUEST_TYPES[name][0]) if name in REQUEST_TYPES else name


def tone(name: str) -> str:
    """Return the colour of a request type."""
    return REQUEST_TYPES[name][1] if name in REQUEST_TYPES else "rose"


def purpose(name: str) -> str:
    """Return what a purpose of codes is called."""
    return str(PURPOSES.get(name, name))


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
