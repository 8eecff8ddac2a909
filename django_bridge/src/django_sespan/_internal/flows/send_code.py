"""Ask Sespan for a code for the customer of this session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from django_sespan import errors, signals
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows import decoy
from django_sespan._internal.flows.pending_code import Pending
from django_sespan._internal.flows.send_signal import tell
from django_sespan._internal.flows.session_check import require_current
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip


def send_code(
    request: HttpRequest | None,
    pending: Pending,
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
        raise errors.OTPExpired("the form is gone with its challenge")
    require_current(pending)
    try:
        challenge = get_client().otp_create(
            purpose=pending.purpose,
            customer_id=pending.customer_id,
            email=email,
            data=data,
            new_customer=pending.new_customer,
            resume=pending.resume,
            locale=get_language(),
            client_ip=client_ip(request),
        )
    except errors.OTPTooSoon as exc:
        # A replaced registration starts its own challenge with the next try.
        pending.wait(exc.retry_after)
        raise
    pending.resume = False
    pending.take(challenge)
    announce(request, pending)


def announce(request: HttpRequest | None, pending: Pending) -> None:
    """Tell the site's receivers that a code is on its way."""
    if not pending.registered and not pending.code_first:
        return  # none is: the address belongs to an account that waits for no code
    tell(
        signals.code_sent,
        sender=Pending,
        request=request,
        customer_id=pending.customer_id,
        purpose=pending.purpose,
        challenge_id=pending.challenge_id,
    )
