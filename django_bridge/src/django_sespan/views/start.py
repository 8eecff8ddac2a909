"""From a proven password to the code form."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.flows.pending_code import Pending
from django_sespan._internal.flows.send_code import send_code

logger = logging.getLogger(__name__)


def ask_for_code(request: HttpRequest, pending: Pending) -> HttpResponse:
    """Ask for a code, or for the one under way; what goes wrong is said on the code page."""
    try:
        send_code(request, pending)
    except errors.SespanError as exc:
        messages.log(logger, "No code for somebody who came back", exc)
        pending.notice = messages.for_send(exc)
    else:
        pending.notice = messages.confirm_first()
    pending.store(request)
    return redirect("django_sespan:code")
