"""Verify a code, and find out the result of one whose answer was lost."""

from __future__ import annotations

import logging

from django.http import HttpRequest

from django_sespan import errors
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import decoy
from django_sespan._internal.flows.pending_code import PendingCode, check_session
from django_sespan._internal.responses import Verified
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

STATUS_SECONDS = 1.0
"""Seconds for looking up the result of a code: the customer has waited once already."""


def verify_code(request: HttpRequest | None, pending: PendingCode, code: str) -> Verified | None:
    """Return when the code is correct and the customer active; raises SespanError otherwise.

    A second submit, or a first one whose answer got lost on the way, finds the challenge
    used and returns None where its digits were those that used it. Other digits prove nothing:
    whoever shares the session, having planted its key, may send them beside the right ones.
    """
    refuse_transaction()
    check_session(pending)
    try:
        answer = _ask(request, pending, code)
    except (errors.OTPUsed, errors.SespanUnavailable) as exc:
        if _repeats(request, pending, code, exc):
            return None
        raise
    except errors.OTPIncorrect as exc:
        pending.attempts_left = exc.attempts_left
        raise
    except errors.OTPLocked as exc:
        pending.attempts_left = 0
        pending.delay_resend(exc.retry_after)
        raise
    return _check_answer(pending, answer)


def refused_before(challenge_id: str | None) -> bool:
    """Whether a correct code was entered, but the right to be activated was missing."""
    return _status(challenge_id) == "refused"


def _repeats(
    request: HttpRequest | None, pending: PendingCode, code: str, error: errors.SespanError
) -> bool:
    """Whether the challenge was verified by these digits; raises ActivationRefused."""
    if isinstance(error, errors.OTPUsed) and error.correct:
        return True
    match _status(pending.challenge_id):
        case "refused":
            raise errors.ActivationRefused("the code was correct before") from error
        case "verified" if not isinstance(error, errors.OTPUsed):
            try:  # the answer was lost, and it may have been that of these digits
                _ask(request, pending, code)
            except errors.OTPUsed as exc:
                return exc.correct
            except errors.SespanError:
                return False
    return False


def _ask(request: HttpRequest | None, pending: PendingCode, code: str) -> Verified:
    if pending.is_decoy:
        decoy.verify(pending)
    if pending.challenge_id is None:
        raise errors.OTPExpired("no code was sent yet")
    return get_client().otp_verify(pending.challenge_id, code, client_ip=client_ip(request))


def _check_answer(pending: PendingCode, answer: Verified) -> Verified:
    if pending.is_login:
        if not answer.customer_id:
            raise errors.SespanInvalidResponse("a login without its customer")
        return answer
    if not pending.registered and not pending.code_first:
        # A pretended registration: no code may fit, and this session proved nothing.
        logger.error("Challenge %s was verified, but has no registration", pending.challenge_id)
        raise errors.OTPIncorrect("incorrect")
    if not pending.code_first and answer.customer_id != pending.customer_id:
        logger.error("Challenge %s belongs to another customer", pending.challenge_id)
        raise errors.SespanInvalidResponse("the challenge belongs to another customer")
    if pending.code_first and answer.data is None:
        logger.error(
            "Challenge %s was verified, but its sealed form is missing", pending.challenge_id
        )
        raise errors.SespanInvalidResponse("a verified registration without its form")
    return answer


def _status(challenge_id: str | None) -> str:
    if challenge_id is None:
        return ""
    seconds = min(STATUS_SECONDS, get_settings().timeout)
    try:
        return get_client().otp_status(challenge_id, timeout=seconds).status
    except errors.SespanError:
        return ""
