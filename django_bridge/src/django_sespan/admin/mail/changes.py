"""Retry and cancel: what they are called, what they do, and telling what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_sespan.mail import people
from django_sespan.mail.people import Row

RETRIED = frozenset({"dead", "unknown", "retry"})
CANCELLED = frozenset({"queued", "scheduled", "retry", "unknown", "dead"})
TOLD = 5
"""Reasons for being left alone that are spelled out."""


@dataclass(frozen=True)
class Action:
    """A change that staff ask for."""

    name: str
    label: str | Promise
    question: str | Promise
    call: Callable[[str, Sequence[int], str], list[Row]]
    asks: bool = False
    """Whether the person is asked once more."""


def retry(using: str, ids: Sequence[int], actor: str) -> list[Row]:
    """Send again."""
    return people.retry(using, ids, actor)


def cancel(using: str, ids: Sequence[int], actor: str) -> list[Row]:
    """Take out of the queue."""
    return people.cancel(using, ids, actor)


ACTIONS = {
    action.name: action
    for action in (
        Action("retry", gettext_lazy("Send again"), gettext_lazy("Send these mails again?"), retry),
        Action("cancel", gettext_lazy("Cancel"), gettext_lazy("Cancel these mails?"), cancel, True),
    )
}


def tell(request: HttpRequest, action: Action, rows: Sequence[Row]) -> None:
    """Say how many recipients were changed, and why others were left as they are."""
    changed = sum(1 for row in rows if row["changed"])
    if changed:
        messages.success(request, _said(action, changed))
    left = Counter((row["message_id"], row["recipient"], row["note"]) for row in rows
                   if not row["changed"])  # fmt: skip
    for message_id, recipient, note in list(left)[:TOLD]:
        whom = _("Mail %(number)s to %(recipient)s was left as it is: it %(note)s.")
        nobody = _("Mail %(number)s was left as it is: %(note)s.")
        values = {"number": message_id, "recipient": recipient, "note": note or _("is not changed")}
        messages.warning(request, (whom if recipient else nobody) % values)
    if len(left) > TOLD:
        more = len(left) - TOLD
        messages.warning(
            request,
            ngettext(
                "%(count)d more recipient was left as it is.",
                "%(count)d more recipients were left as they are.",
                more,
            )
            % {"count": more},
        )


def _said(action: Action, changed: int) -> str:
    if action.name == "retry":
        text = ngettext(
            "%(count)d recipient gets the mail again.",
            "%(count)d recipients get their mail again.",
            changed,
        )
    else:
        text = ngettext(
            "The mail to %(count)d recipient was cancelled.",
            "The mails to %(count)d recipients were cancelled.",
            changed,
        )
    return text % {"count": changed}
