"""Hand in a code, and find out what became of one whose answer was lost."""

from __future__ import annotations

import logging

from django.http import HttpRequest

from django_sespan import errors
from django_sespan.answers import Verified
from django_sespan.atomicity import refuse_transaction
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip
from django_sespan.flows import decoy
from django_sespan.flows.pending import Pending

logger = logging.getLogger(__name__)


def verify_code(request: HttpRequest, pending: Pending, code: str) -> None:
    """Return when the code is right and the customer active; raises SespanError otherwise.

    A second submit, or a first one whose answer got lost on the way, finds the challenge
    used. Only a session that may be logged in can have entered the code, so such a
    session goes on as if its own answer had arrived.
    """
    refuse_transaction()
    try:
        answer = _ask(request, pending, code)
    except (errors.OTPUsed, errors.SespanUnavailable):
        if _verified_before(pending.challenge_id):
            return
        raise
    except errors.OTPIncorrect as exc:
        pending.attempts_left = exc.attempts_left
        raise
    except errors.OTPLocked:
        pending.attempts_left = 0
        raise
    if answer.customer_id != pending.customer_id:
        logger.error("Challenge %s belongs to another customer", pending.challenge_id)
        raise errors.SespanGarbled("the challenge belongs to another customer")


def _ask(request: HttpRequest, pending: Pending, code: str) -> Verified:
    if pending.is_decoy:
        decoy.verify(pending)
    if pending.challenge_id is None:
        raise errors.OTPExpired("no code was sent yet")
    return get_client().otp_verify(pending.challenge_id, code, client_ip=client_ip(request))


def _verified_before(challenge_id: str | None) -> bool:
    if challenge_id is None:
        return False
    try:
        return get_client().otp_status(challenge_id).status == "verified"
    except errors.SespanError:
        return False
