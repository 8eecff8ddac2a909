"""The actions of the mail pages, retry and cancel, and the messages about their results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_sespan.mail import queue_admin
from django_sespan.mail.queue_admin import Row

RETRYABLE = frozenset({"dead", "unknown", "retry"})
CANCELLABLE = frozenset({"queued", "scheduled", "retry", "unknown", "dead"})
MAX_NOTES = 5
"""Unchanged recipients that get a message of their own."""


@dataclass(frozen=True)
class Action:
    """A change that staff ask for."""

    name: str
    label: str | Promise
    question: str | Promise
    call: Callable[[str, Sequence[int], str], list[Row]]
    needs_confirmation: bool = False
    """Whether a confirmation page comes first."""


ACTIONS = {
    action.name: action
    for action in (
        Action(
            name="retry",
            label=gettext_lazy("Send again"),
            question=gettext_lazy("Send these mails again?"),
            call=queue_admin.retry,
        ),
        Action(
            name="cancel",
            label=gettext_lazy("Cancel"),
            question=gettext_lazy("Cancel these mails?"),
            call=queue_admin.cancel,
            needs_confirmation=True,
        ),
    )
}


def report(request: HttpRequest, action: Action, rows: Sequence[Row]) -> None:
    """Show how many recipients were changed, and why others were not."""
    changed = sum(1 for row in rows if row["changed"])
    if changed:
        messages.success(request, _changed_text(action, changed))
    unchanged = Counter((row["message_id"], row["recipient"], row["sentence"]) for row in rows
                        if not row["changed"])  # fmt: skip
    for message_id, recipient, why in list(unchanged)[:MAX_NOTES]:
        with_recipient = _("Mail %(number)s to %(recipient)s was left as it is. %(why)s")
        without_recipient = _("Mail %(number)s was left as it is. %(why)s")
        values = {"number": message_id, "recipient": recipient, "why": why}
        messages.warning(request, (with_recipient if recipient else without_recipient) % values)
    if len(unchanged) > MAX_NOTES:
        more = len(unchanged) - MAX_NOTES
        messages.warning(
            request,
            ngettext(
                "%(count)d more recipient was left as it is.",
                "%(count)d more recipients were left as they are.",
                more,
            )
            % {"count": more},
        )


def _changed_text(action: Action, changed: int) -> str:
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
