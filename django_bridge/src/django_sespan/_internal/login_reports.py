"""Receivers of Django's login signals: each login becomes a report in the login queue."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from django_sespan import errors
from django_sespan._internal import customer_table
from django_sespan._internal.runtime import runtime
from django_sespan.client_ip import client_ip
from django_sespan.conf import get_settings

logger = logging.getLogger(__name__)

MAX_USERNAME = 254
MAX_USER_AGENT = 512


def on_login(
    sender: object, request: HttpRequest | None, user: AbstractBaseUser, **_: object
) -> None:
    """Receiver of `user_logged_in`."""
    _report(request, "success", user.get_username(), customer_id=str(user.pk))


def on_login_failed(
    sender: object,
    credentials: Mapping[str, Any],
    request: HttpRequest | None = None,
    **_: object,
) -> None:
    """Receiver of `user_login_failed`; Django has masked the password already."""
    names = ("username", get_user_model().USERNAME_FIELD, "email")
    username = next((credentials[name] for name in names if credentials.get(name)), "")
    _report(request, "failure", str(username))


def _report(
    request: HttpRequest | None, outcome: str, username: str, customer_id: str | None = None
) -> None:
    try:
        if not get_settings().enabled:
            return
        body: dict[str, Any] = {"username": _clean(username, MAX_USERNAME), "outcome": outcome}
        if customer_id is not None:
            body["customer_id"] = customer_id
            if table := _table():
                body["customer_table"] = table
        if address := client_ip(request):
            body["ip"] = address
        if request is not None and (agent := request.headers.get("User-Agent")):
            body["user_agent"] = _clean(agent, MAX_USER_AGENT)
        runtime.login_queue.put(body)
    except Exception:
        logger.exception("A login could not be reported")


def _table() -> str | None:
    try:
        return customer_table.read()
    except (errors.SespanUnavailable, ImproperlyConfigured):  # a login is reported all the same
        return None


def _clean(value: str, length: int) -> str:
    # JSON and PostgreSQL take neither lone surrogates nor NUL.
    return value.encode("utf-8", "replace").decode().replace("\x00", "")[:length]
