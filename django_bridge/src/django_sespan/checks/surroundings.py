"""What stands around the bridge: the pages before and after its own, the admin, allauth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings as django_settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.checks import CheckMessage
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

from django_sespan._internal.allauth_address import APP as ALLAUTH
from django_sespan.adapter import get_adapter
from django_sespan.checks.findings import found_settings, info, warning


def check_surroundings(**_: Any) -> list[CheckMessage]:
    """Look where customers are sent, and what a site without an admin does instead."""
    found: list[CheckMessage] = [*_admin()]
    if not found_settings().mail_only and _register_url() is not None:
        found += [*_destinations(), *_allauth()]
    return found


def _admin() -> Iterator[CheckMessage]:
    if not apps.is_installed("django.contrib.admin"):
        yield info(
            "I001",
            "django.contrib.admin is not in INSTALLED_APPS: the staff pages that stand in it "
            "(mails, codes, tiers, people, API log) are not there.",
            "Instead: sespan mail status, why, retry and cancel; /v1/tiers over HTTP; the schema's "
            "functions in SQL. Quiet: SILENCED_SYSTEM_CHECKS = ['sespan.I001']",
        )


def _destinations() -> Iterator[CheckMessage]:
    """Warn of the defaults of Django, which lead nowhere on a site without these pages."""
    if is_language_prefix_patterns_used(django_settings.ROOT_URLCONF)[0]:
        return  # the way there is a redirect of LocaleMiddleware
    for name, mend in (
        (
            "LOGIN_REDIRECT_URL",
            "Customers are sent there after the code: set it to a page of yours.",
        ),
        (
            "LOGIN_URL",
            "The pages link to it: set it to a page of yours, or to 'django_sespan:login-code'.",
        ),
    ):
        path = _path(getattr(django_settings, name))
        if path is not None and not _is_page(path):
            yield warning(
                "W025",
                f"{name} is {path!r}, and this site has no such page.",
                f"{mend} Where another server answers there: "
                "SILENCED_SYSTEM_CHECKS = ['sespan.W025']",
            )


def _allauth() -> Iterator[CheckMessage]:
    if apps.is_installed(ALLAUTH) and not _is_code_first():
        yield warning(
            "W026",
            "Beside django-allauth the customer is saved before the code: whoever does not finish "
            "can neither log in nor sign up again by allauth's pages.",
            "Let the code come first: code_first = True on the adapter (SESPAN['ADAPTER']), "
            "or django_sespan.registration.begin in allauth's own form.",
        )


def _is_code_first() -> bool:
    try:
        if get_adapter().code_first:
            return True
        view = resolve(_register_url() or "").func
    except (ImportError, Resolver404):
        return True  # E006; or not to be told
    return bool(getattr(view, "view_initkwargs", {}).get("code_first"))


def _register_url() -> str | None:
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return None
    try:
        return reverse("django_sespan:register")
    except NoReverseMatch:
        return None


def _path(url: Any) -> str | None:
    """Return the path of an address of this site, None of any other."""
    try:
        parts = urlsplit(resolve_url(url))
    except NoReverseMatch:
        return str(url)
    return None if parts.scheme or parts.netloc else parts.path


def _is_page(path: str) -> bool:
    prefix = get_script_prefix()
    path = "/" + path.removeprefix(prefix) if path.startswith(prefix) else path
    for spelling in (path, path.rstrip("/") + "/"):
        try:
            resolve(spelling)
        except Resolver404:
            continue
        return True
    return False
