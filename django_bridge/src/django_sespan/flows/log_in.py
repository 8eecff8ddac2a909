"""Log the session in that registered, with a new session key."""

from __future__ import annotations

import logging

from django.contrib.auth import load_backend, login
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest

from django_sespan import signals
from django_sespan.conf import get_settings
from django_sespan.flows.pending import Pending

logger = logging.getLogger(__name__)


def log_in(request: HttpRequest, pending: Pending) -> AbstractBaseUser | None:
    """Finish after a right code: tell the receivers, log in where this session may be.

    Gives the user, or None when the login backend does not accept them (still inactive,
    deleted meanwhile) or when this session only verified and did not register.
    """
    path = get_settings().login_backend
    user = load_backend(path).get_user(pending.customer_id)
    Pending.forget(request)
    if user is None:
        logger.error("Customer %s is verified, but %s gives no user", pending.customer_id, path)
        return None
    for receiver, result in signals.email_verified.send_robust(
        sender=type(user),
        request=request,
        customer_id=pending.customer_id,
        user=user,
        purpose=pending.purpose,
    ):
        if isinstance(result, Exception):
            logger.error("An email_verified receiver failed: %r", receiver, exc_info=result)
    if not pending.registered:
        return None
    login(request, user, backend=path)  # cycles the session key
    return user
