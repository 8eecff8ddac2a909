"""A code, requested through the client that the pages use.

To an active customer's address it is one to log in with; to any other it is one of a
registration whose customer would be created after the verification, which is not done here.
Neither changes a customer, whether or not the code is entered.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import DatabaseError, connections, transaction

from django_sespan import errors
from django_sespan._internal.accounts import with_email
from django_sespan._internal.responses import Challenge
from django_sespan.client import get_client
from django_sespan.conf import get_settings
from django_sespan.management.diagnosis import DiagnosisFailed
from django_sespan.management.diagnosis.mail import QueueUnreadable, follow

DOCTOR = "sespan doctor --env-file sespan.env"
NEWEST = (
    "SELECT message_id FROM sespan.otp WHERE challenge_id = %s AND message_id IS NOT NULL"
    " ORDER BY otp_id DESC LIMIT 1"
)


@dataclass
class TestCode:
    """A code to one address, from the asking to the typing."""

    recipient: str
    seconds: float
    challenge: Challenge | None = None

    def request(self) -> str:
        """Ask for it; a second run within a minute gets the first one's."""
        customer = _customer(self.recipient)
        purpose = "registration" if customer is None else "login"
        wanted = {"email": self.recipient} if customer is None else {"customer_id": customer}
        try:
            self.challenge = get_client().otp_create(purpose=purpose, **wanted)  # type: ignore[arg-type]
        except errors.SespanError as exc:
            raise explain(exc) from exc
        whose = "code first, no customer" if customer is None else f"customer {customer}"
        return f"purpose {purpose} ({whose}): challenge {self._challenge_id}"

    def deliver(self) -> str:
        """Follow its mail."""
        try:
            return follow(self._message_id(), self.seconds)
        except QueueUnreadable:
            pass
        try:
            delivery = get_client().otp_status(self._challenge_id).delivery
        except errors.SespanError as exc:
            raise explain(exc) from exc
        if delivery == "failed":
            raise DiagnosisFailed("The mail of the code failed.", DOCTOR)
        return f"{delivery}, as the service says; this login may not look at the queue"

    def verify(self, typed: str) -> str:
        """Verify the typed code."""
        try:
            get_client().otp_verify(self._challenge_id, typed)
        except errors.SespanError as exc:
            raise explain(exc) from exc
        return "the code is correct; it is used up, and no customer has changed"

    @property
    def _challenge_id(self) -> str:
        return self.challenge.challenge_id if self.challenge else ""

    def _message_id(self) -> int:
        using = get_settings().database
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                cursor.execute(NEWEST, [self._challenge_id])
                row = cursor.fetchone()
        except DatabaseError as exc:
            raise QueueUnreadable from exc
        if row is None:
            raise DiagnosisFailed("No mail was made for this address.", DOCTOR)
        return int(row[0])


def _customer(address: str) -> str | None:
    customer = with_email(address).filter(is_active=True).first()
    return None if customer is None else str(customer.pk)


def explain(error: errors.SespanError) -> DiagnosisFailed:
    """Explain an error of the client."""
    match error:
        case errors.OTPTooSoon() | errors.OTPLocked():
            wait = error.retry_after or 60
            return DiagnosisFailed(
                "This address got a code a moment ago.", f"Run it again in {wait} s."
            )
        case errors.OTPIncorrect():
            return DiagnosisFailed("That is not the code.", "Type the newest one that arrived.")
        case errors.SespanUnavailable():
            return DiagnosisFailed(f"The service has no answer: {error}", DOCTOR)
        case _:
            return DiagnosisFailed(f"The service refuses: {error}", DOCTOR)
