"""What the pages need of the site: middleware, user model, proxy, backends, sessions, router.

Whether a middleware sets `request.user` shows only when a page is called, and a site may have its
own: the views say then what is missing (`views.visitor`). So what is found here is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import IntegerField
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from django_sespan.checks.findings import found_settings, raw_settings, warning
from django_sespan.client_ip import behind_proxy


def check_site(**_: Any) -> list[CheckMessage]:
    """Check it; a site that only queues mail needs none of it."""
    settings = found_settings()
    if settings.mail_only:
        return list(_pages_without_service()) if settings.switched_on else []
    return [
        *_middleware(),
        *_user_model(),
        *_client_ip(),
        *_login_backend(),
        *_sessions(),
        *_alias(),
    ]


def _pages_without_service() -> Iterator[CheckMessage]:
    if not hasattr(django_settings, "ROOT_URLCONF"):
        return
    try:
        reverse("django_sespan:code")
    except NoReverseMatch:
        return
    yield warning(
        "W007",
        "django_sespan.urls is included, but SESPAN has neither URL nor KEY.",
        'Set SESPAN = {"URL": "http://127.0.0.1:8080", "KEY": "sk_…"}; no code is sent before.',
    )


def _middleware() -> Iterator[CheckMessage]:
    for needed, attribute in (
        ("django.contrib.sessions.middleware.SessionMiddleware", "session"),
        ("django.contrib.auth.middleware.AuthenticationMiddleware", "user"),
    ):
        if not any(_is(path, needed) for path in django_settings.MIDDLEWARE):
            yield warning(
                "W022",
                f"{needed} is not in MIDDLEWARE, and the pages need request.{attribute}.",
                f"Add it. Where another middleware sets request.{attribute}, or no page of "
                "Sespan is used: SILENCED_SYSTEM_CHECKS = ['sespan.W022']",
            )


def _is(path: str, wanted: str) -> bool:
    if path == wanted:
        return True
    try:
        imported, base = import_string(path), import_string(wanted)
    except ImportError:
        return False
    return isinstance(imported, type) and issubclass(imported, base)


def _user_model() -> Iterator[CheckMessage]:
    model = get_user_model()
    if not isinstance(getattr(model._meta.pk, "target_field", model._meta.pk), IntegerField):
        yield warning(
            "W009",
            f"The key of {model._meta.label} is not an integer, as that of a customer must be.",
            "No code and no discount for these users. Where the customers are another table's: "
            "SILENCED_SYSTEM_CHECKS = ['sespan.W009']",
        )
    for name in ("is_active", model.get_email_field_name()):
        try:
            model._meta.get_field(name)
        except FieldDoesNotExist:
            yield warning(
                "W009",
                f"{model._meta.label} has no field {name!r}: the registration pages refuse all.",
                "Make it a column. Where nobody registers by these pages: "
                "SILENCED_SYSTEM_CHECKS = ['sespan.W009']",
            )


def _client_ip() -> Iterator[CheckMessage]:
    proxied = behind_proxy()
    if proxied and not raw_settings().get("CLIENT_IP"):
        yield warning(
            "W003",
            f"The site stands behind a proxy ({', '.join(proxied)}), but SESPAN['CLIENT_IP'] is "
            "not set.",
            "All visitors have the proxy's address, so nothing limits how many mails one of them "
            "causes. Name a function (request) -> address.",
        )


def _login_backend() -> Iterator[CheckMessage]:
    backends = django_settings.AUTHENTICATION_BACKENDS
    if len(backends) > 1 and not raw_settings().get("LOGIN_BACKEND"):
        yield warning(
            "W004",
            "Several AUTHENTICATION_BACKENDS, and SESPAN['LOGIN_BACKEND'] is not set.",
            f"Verified customers are logged in with {backends[0]}.",
        )


def _sessions() -> Iterator[CheckMessage]:
    if django_settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield warning(
            "W005",
            "Sessions are kept in cookies, which visitors can read.",
            "They would show whether a registered address was known. Use another engine.",
        )


def _alias() -> Iterator[CheckMessage]:
    model = get_user_model()
    users, ours = router.db_for_write(model), found_settings().database
    if users != ours and {users, ours} <= set(django_settings.DATABASES):
        yield warning(
            "W006",
            f"{model._meta.label} is written to the database {users!r}, "
            f"but SESPAN['DATABASE'] is {ours!r}.",
            f"Sespan activates customers in their own database: set SESPAN['DATABASE'] to "
            f"{users!r} and run `sespan init` there.",
        )
