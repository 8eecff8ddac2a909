"""Ask Sespan for a code for the customer of this session."""

from __future__ import annotations

import logging

from django.http import HttpRequest
from django.utils.translation import get_language

from django_sespan import signals
from django_sespan.atomicity import refuse_transaction
from django_sespan.client import get_client
from django_sespan.client_ip import client_ip
from django_sespan.flows import decoy
from django_sespan.flows.pending import Pending

logger = logging.getLogger(__name__)


def send_code(request: HttpRequest, pending: Pending) -> None:
    """Start a challenge and remember it in `pending`; raises SespanError."""
    refuse_transaction()
    if pending.is_decoy:
        decoy.send(pending)
        return
    challenge = get_client().otp_create(
        purpose=pending.purpose,
        customer_id=pending.customer_id,
        new_customer=pending.new_customer,
        locale=get_language(),
        client_ip=client_ip(request),
    )
    pending.take(challenge)
    announce(request, pending)


def announce(request: HttpRequest, pending: Pending) -> None:
    """Tell the site's receivers; what they raise is theirs and is logged."""
    for receiver, result in signals.code_sent.send_robust(
        sender=Pending,
        request=request,
        customer_id=pending.customer_id,
        purpose=pending.purpose,
        challenge_id=pending.challenge_id,
    ):
        if isinstance(result, Exception):
            logger.error("A code_sent receiver failed: %r", receiver, exc_info=result)
