"""The past and planned events of a mail, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from django_sespan._internal.words import FAILURES, MAIL_STATES, word
from django_sespan.mail.queue_admin import Row
from django_sespan.models import MailMessage

STATE_TONES = {
    "sent": "good",
    "dead": "bad",
    "unknown": "warn",
    "retry": "warn",
    "expired": "bad",
    "suppressed": "quiet",
    "cancelled": "quiet",
}
MAX_EVENTS = 200
"""Events at most: a mail has up to a thousand recipients."""


@dataclass(frozen=True)
class Event:
    """One line; `tone` selects its colour."""

    at: datetime
    text: str
    detail: str = ""
    tone: str = ""

    @property
    def is_ahead(self) -> bool:
        """Whether it is still to come."""
        return _is_ahead(self.at)


def timeline(mail: MailMessage, recipients: Sequence[Row], audits: Sequence[Row]) -> list[Event]:
    """Return the events, earliest first."""
    events = [*_created(mail), *_last_tries(mail), *_recipients(recipients), *_audits(audits)]
    return sorted(events, key=lambda event: event.at)[:MAX_EVENTS]


def _is_ahead(at: datetime) -> bool:
    """Compare with now; without USE_TZ the database's times come without a zone, the site's."""
    aware = timezone.make_aware(at, timezone.get_default_timezone()) if at.tzinfo is None else at
    return aware > datetime.now(UTC)


def _created(mail: MailMessage) -> Iterator[Event]:
    priority = _("priority %(priority)s") % {"priority": mail.priority}
    yield Event(
        mail.created_at,
        _("Enqueued"),
        f"{mail.category}, {priority}" if mail.category else priority,
    )
    if mail.send_at is not None:
        yield Event(mail.send_at, _("Not to be sent before this"))
    if mail.expires_at is not None:
        yield Event(mail.expires_at, _("Not to be sent after this"))


def _last_tries(mail: MailMessage) -> Iterator[Event]:
    """Yield the last try of those that wait for another."""
    for row in mail.waiting_rows():
        if row.tried_at is not None and row.attempts:
            text = _("Try %(number)s to %(recipient)s failed") % {
                "number": row.attempts,
                "recipient": row.recipient,
            }
            reason = word(row.last_reason, FAILURES) if row.last_reason else ""
            details = (reason, row.last_code, row.last_reply)
            yield Event(row.tried_at, text, " ".join(str(d) for d in details if d), "warn")


def _recipients(recipients: Sequence[Row]) -> Iterator[Event]:
    for row in recipients:
        tone = STATE_TONES.get(row["state"], "")
        if row["finished_at"] is not None:
            text = f"{row['recipient']}: {word(row['state'], MAIL_STATES)}"
            yield Event(row["finished_at"], text, row["sentence"], tone)
        elif row["next_try"] is not None and _is_ahead(row["next_try"]):
            text = _("Next try to %(recipient)s") % {"recipient": row["recipient"]}
            yield Event(row["next_try"], text, "", tone)


def _audits(audits: Sequence[Row]) -> Iterator[Event]:
    names = {
        "retry": _("%(actor)s sent it again"),
        "cancel": _("%(actor)s cancelled it"),
        "preview": _("%(actor)s read its content"),
    }
    for row in audits:
        text = names.get(row["action"], "%(actor)s: " + row["action"]) % {"actor": row["actor"]}
        login = _("database login %(login)s") % {"login": row["login"]}
        yield Event(row["at"], text, login, "person")
