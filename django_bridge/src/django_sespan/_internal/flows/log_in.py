"""Log in the session that gave the account's password, with a new session key."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import load_backend, login
from django.contrib.auth.models import AbstractBaseUser
from django.db import router
from django.http import HttpRequest

from django_sespan import signals
from django_sespan._internal import allauth_address
from django_sespan._internal.accounts import users_alias, with_key
from django_sespan._internal.flows.pending_code import PendingCode
from django_sespan._internal.user_rows import UNREADABLE, is_of_a_row
from django_sespan._internal.violations import without_rows
from django_sespan.adapter import get_adapter
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)


def _login_user(backend: Any, key: str | None) -> Any:
    """Return whom the backend gives or, where a router lets it read a lagging replica, would give.

    A replica has no such user yet, an inactive one, or one with an older password.
    """
    try:
        user = backend.get_user(key)
    except UNREADABLE as exc:
        if not is_of_a_row(exc):
            raise
        logger.exception("The row of customer %s cannot be read", key)
        return None
    if not router.routers or (user is not None and user._state.db == users_alias()):
        return user
    written = with_key(key)
    if user is not None or written is None:
        return written
    may = getattr(backend, "user_can_authenticate", None)
    return written if may is not None and may(written) else None


def log_in(request: HttpRequest, pending: PendingCode) -> AbstractBaseUser | None:
    """Finish after a correct code: send the signal, log in if this session may be.

    Returns the user, or None when the login backend does not accept them (still inactive,
    deleted meanwhile), when the account has another password than this session gave, or when
    the adapter lets this user log in by their password only.
    """
    path = get_settings().login_backend
    user = _login_user(load_backend(path), pending.customer_id)
    PendingCode.remove(request)
    if user is None:
        logger.error("Customer %s is verified, but %s gives no user", pending.customer_id, path)
        return None
    if not _may(request, pending, user):
        return None
    allauth_address.mark_verified(user)
    try:
        get_adapter().on_verified(request, user, pending.purpose)
    except Exception as exc:
        without_rows(exc)
        logger.exception("The adapter's on_verified failed")
    signals.send_signal(
        signals.email_verified,
        sender=type(user),
        request=request,
        customer_id=pending.customer_id,
        user=user,
        purpose=pending.purpose,
    )
    login(request, user, backend=path)  # cycles the session key
    logged_in: AbstractBaseUser = user
    return logged_in


def _may(request: HttpRequest, pending: PendingCode, user: AbstractBaseUser) -> bool:
    if pending.is_login:
        return get_adapter().may_log_in_by_code(request, user)
    return pending.registered and pending.has_password_of(user)
