"""Ask for another code of the same challenge."""

from __future__ import annotations

from django.http import HttpRequest

from django_sespan import errors
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.flows.pending_code import Pending
from django_sespan._internal.flows.send_code import announce, send_code
from django_sespan._internal.flows.session_check import require_current
from django_sespan._internal.flows.verify_code import refused_before
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip


def resend(request: HttpRequest | None, pending: Pending) -> None:
    """Send again and remember the new times in `pending`; raises SespanError.

    A challenge that never came to be (Sespan was down), that ran out, was locked, was
    superseded or is gone is started anew; the customer's right to be activated goes on
    with it. One that was refused is not: a further code would be refused as well.
    """
    refuse_transaction()
    if pending.challenge_id is None:
        send_code(request, pending)
        return
    require_current(pending)
    try:
        challenge = get_client().otp_resend(pending.challenge_id, client_ip=client_ip(request))
    except (errors.OTPExpired, errors.OTPLocked, errors.UnknownChallenge):
        send_code(request, pending)
        return
    except errors.OTPUsed:
        if refused_before(pending.challenge_id):
            raise errors.ActivationRefused("the code was right, but activates nobody") from None
        raise
    except errors.OTPTooSoon as exc:
        pending.wait(exc.retry_after)
        raise
    pending.take(challenge)
    announce(request, pending)
