"""One mail through the queue: put in by the site's backend, watched until it has left."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.mail import EmailMessage
from django.db import DatabaseError, transaction

from django_sespan import errors
from django_sespan.conf import get_settings
from django_sespan.mail import EmailBackend
from django_sespan.management.diagnosis import DiagnosisFailed
from django_sespan.models.mail import SLOTS, MailRecipient

SUBJECT = "Test of the mail queue"
BODY = "manage.py sespan_verify has sent this mail through the queue. Nothing is to be done.\n"
PAUSE = 0.05
LONGEST_PAUSE = 0.5
FAILED = frozenset({"dead", "expired", "suppressed", "cancelled"})


class QueueUnreadable(Exception):
    """This login may not look at the queue."""


@dataclass(frozen=True)
class Delivery:
    """Where the mail of one recipient stands."""

    state: str
    reply: str
    relay: str


@dataclass
class TestMail:
    """A small mail to one address, sent as the site sends its own."""

    recipient: str
    seconds: float
    number: int = 0

    def enqueue(self) -> str:
        """Put it into the queue."""
        message = EmailMessage(SUBJECT, BODY, to=[self.recipient])
        try:
            # Not message.send(): in a test run Django has put another backend in its place.
            EmailBackend().send_messages([message])
        except errors.MailNotQueued as exc:
            raise DiagnosisFailed(
                f"The database refused the mail: {exc}", "sespan migrate up"
            ) from exc
        self.number = message.sespan_id  # type: ignore[attr-defined]
        return f"mail {self.number} is queued by the site's backend"

    def deliver(self) -> str:
        """Follow it."""
        try:
            return f"mail {self.number}: {follow(self.number, self.seconds)}"
        except QueueUnreadable:
            return f"mail {self.number}: this login may not look at the queue; {GRANT} lets it"


GRANT = "sespan init … --site-login"


def follow(message_id: int, seconds: float) -> str:
    """Wait until the mail has left or failed; return its states and the server's answer."""
    end = time.monotonic() + seconds
    pause, states = PAUSE, list[str]()
    while True:
        delivery = read_delivery(message_id)
        if not states or states[-1] != delivery.state:
            states.append(delivery.state)
        if delivery.state == "sent":
            return f"{' → '.join(states)}, {delivery.relay} said: {delivery.reply}"
        if delivery.state in FAILED:
            raise DiagnosisFailed(
                f"The mail is {delivery.state}: {delivery.reply or 'no server was asked'}",
                "sespan doctor checks the mail server; the address or the sender may be refused.",
            )
        if time.monotonic() > end:
            raise undelivered(delivery, states, seconds)
        time.sleep(pause)  # the service updates the database and does not notify us
        pause = min(pause * 2, LONGEST_PAUSE)


def undelivered(delivery: Delivery, states: list[str], seconds: float) -> DiagnosisFailed:
    """Explain why a mail is still queued."""
    text = f"The mail is {' → '.join(states)} after {seconds:.0f} s"
    if delivery.reply:
        return DiagnosisFailed(f"{text}; the mail server said: {delivery.reply}", "sespan doctor")
    return DiagnosisFailed(
        f"{text}: nobody sends it.",
        "Is the mail worker running? sespan serve --run api,mail,maintenance; then: sespan doctor",
    )


def read_delivery(message_id: int) -> Delivery:
    """Return the state of a mail's first recipient; QueueUnreadable without the right to look."""
    rows = MailRecipient.objects.using(get_settings().database)
    first = message_id * SLOTS
    try:
        with transaction.atomic(using=get_settings().database):
            row = rows.filter(queue_id__gte=first, queue_id__lt=first + SLOTS).first()
    except DatabaseError as exc:
        raise QueueUnreadable from exc
    if row is None:
        return Delivery("queued", "", "")
    return Delivery(row.state, row.reply or "", row.relay or "the mail server")
