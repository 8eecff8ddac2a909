"""Log in by a code that is mailed, without a password; the session knows nobody before.

The answer is the same whoever has the address: Sespan sends a code where exactly one active
customer has it, and no code is correct elsewhere.
"""

from __future__ import annotations

import logging

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest

from django_sespan import errors, known_browser
from django_sespan._internal import messages
from django_sespan._internal.accounts import with_email
from django_sespan._internal.address import mailbox
from django_sespan._internal.flows.pending_code import PendingCode
from django_sespan._internal.flows.send_code import send_code
from django_sespan._internal.responses import Verified
from django_sespan._internal.trace_context import of_visitor

logger = logging.getLogger(__name__)


def begin(request: HttpRequest, email: str, next_url: str = "") -> PendingCode:
    """Ask for a code and let the session wait for it; an outage is shown on the code page.

    Raises ValidationError for what is no address.
    """
    try:
        written = mailbox(email)
    except ValueError:
        raise ValidationError(validate_email.message, code="invalid") from None
    pending = PendingCode.for_login(written)
    pending.known_browser = known_browser.is_known(request, written)
    pending.next_url = next_url
    try:
        with of_visitor(request):
            send_code(request, pending)
    except errors.SespanError as exc:
        messages.log(logger, "No code for a login", exc)
        pending.notice = messages.for_send(exc)
    pending.begin(request)
    return pending


def finish(pending: PendingCode, answer: Verified | None) -> None:
    """Let `pending` stand for whom the correct code belongs to; raises OTPUsed.

    Without an answer, because it was lost on the way or a second submit came later, it is the
    one active account of the address, as it is for Sespan.
    """
    if answer is not None:
        pending.customer_id = answer.customer_id
        return
    found = list(with_email(pending.address).filter(is_active=True)[:2])
    if len(found) != 1:
        raise errors.OTPUsed("nobody has the address any more")
    pending.customer_id = str(found[0].pk)
