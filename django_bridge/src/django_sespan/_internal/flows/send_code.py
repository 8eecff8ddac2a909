"""Ask Sespan for a code for the customer of this session, or for another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from django_sespan import errors, signals
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import decoy
from django_sespan._internal.flows.pending_code import PendingCode, check_session
from django_sespan._internal.flows.verify_code import refused_before
from django_sespan.client import get_client
from django_sespan.client_ip import visitor


def send_code(
    request: HttpRequest | None,
    pending: PendingCode,
    *,
    email: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Start a challenge, or take up the one under way, and remember it; raises SespanError.

    `email` and `data` are those of a registration whose customer comes after the code.
    """
    refuse_transaction()
    if pending.is_decoy:
        decoy.send(pending)
        return
    if pending.code_first and data is None:
        raise errors.OTPExpired("the sealed form ended with its challenge")
    check_session(pending)
    try:
        challenge = get_client().otp_create(
            purpose=pending.purpose,
            customer_id=pending.customer_id,
            email=pending.address if pending.is_login else email,
            data=data,
            resume=pending.resume,
            known_browser=pending.known_browser,
            locale=get_language(),
            client_ip=visitor(request),
        )
    except errors.OTPTooSoon as exc:
        # A replaced registration starts its own challenge with the next try.
        pending.delay_resend(exc.retry_after)
        raise
    pending.resume = False
    pending.update(challenge)
    _send_signal(request, pending)


def take_up(request: HttpRequest | None, pending: PendingCode) -> None:
    """Find the challenge under way for a session that gave the password and has not asked yet.

    A login view of the site, in a transaction, could not ask; or Sespan was away. The code that
    the visitor has in hand, from another browser's registration, then counts. Raises OTPExpired
    where no code can be under way.
    """
    if pending.challenge_id is not None or pending.is_decoy or pending.code_first:
        return
    pending.resume = True
    try:
        send_code(request, pending)
    except errors.OTPTooSoon as exc:
        raise errors.OTPExpired(exc.detail) from exc


def resend_code(request: HttpRequest | None, pending: PendingCode) -> None:
    """Ask for another code and remember the new times in `pending`; raises SespanError.

    A challenge that never came to be (Sespan was down), that ran out, was locked, was
    superseded or is gone is started anew; the customer's right to be activated goes on
    with it. One that was refused is not: a further code would be refused as well.
    """
    refuse_transaction()
    if pending.challenge_id is None:
        pending.resume = False  # a code that was sent before is not what is asked for
        send_code(request, pending)
        return
    check_session(pending)
    try:
        challenge = get_client().otp_resend(pending.challenge_id, client_ip=visitor(request))
    except (errors.OTPExpired, errors.OTPLocked, errors.UnknownChallenge):
        send_code(request, pending)
        return
    except errors.OTPUsed:
        if refused_before(pending.challenge_id):
            raise errors.ActivationRefused("the code was correct, but activates nobody") from None
        raise
    except errors.OTPTooSoon as exc:
        pending.delay_resend(exc.retry_after)
        raise
    pending.update(challenge)
    _send_signal(request, pending)


def _send_signal(request: HttpRequest | None, pending: PendingCode) -> None:
    if not (pending.registered or pending.code_first or pending.is_login):
        return  # no code is on its way: the address belongs to an account that waits for none
    signals.send_signal(
        signals.code_sent,
        sender=PendingCode,
        request=request,
        customer_id=pending.customer_id,
        purpose=pending.purpose,
        challenge_id=pending.challenge_id,
    )
