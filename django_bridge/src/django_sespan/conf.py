"""The one `SESPAN` setting as a typed object.

    SESPAN = {"URL": "http://127.0.0.1:8080", "KEY": "sk_…"}

Everything else has a default. A wrong value is reported by the system checks
(`checks`), not by an exception while the site starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.module_loading import import_string

ClientIP = Callable[[HttpRequest], str | None]
"""request → the visitor's address, None when unknown."""

Order = Callable[[HttpRequest, str], tuple[Any, str, Decimal | int | str] | None]
"""(request, order_ref) → (customer_id, order_ref, amount) of an order of this visitor, or None."""

KEYS = frozenset(
    {
        "URL",
        "PUBLIC_URL",
        "KEY",
        "KEY_FILE",
        "DATABASE",
        "SIGNING_KEY_FILE",
        "CLIENT_IP",
        "CURRENCY",
        "BRAND",
        "ORDER",
        "LOGIN_BACKEND",
        "ADAPTER",
        "ENABLED",
        "FAKE",
        "TIMEOUT",
        "NEVER_PREVIEWED",
    }
)

DEFAULT_TIMEOUT = 5.0

DEFAULT_NEVER_PREVIEWED = ("password_reset",)
"""Categories of mails that a clerk could take an account over by; a site adds its own."""

SCHEMA_VERSION = 40
"""The migration of Sespan that this bridge was made for: `sespan.schema_version`."""


@dataclass(frozen=True)
class SespanSettings:
    """The site's `SESPAN`, with the defaults filled in."""

    url: str = ""
    public_url: str = ""
    key: str = field(default="", repr=False)
    key_file: Path | None = None
    database: str = "default"
    signing_key_file: Path | None = None
    client_ip_path: str = ""
    order_path: str = ""
    currency: str = ""
    brand: Mapping[str, str] = field(default_factory=dict)
    login_backend_path: str = ""
    adapter_path: str = ""
    switched_on: bool = True
    fake: bool = True
    timeout: float = DEFAULT_TIMEOUT
    never_previewed: frozenset[str] = frozenset(DEFAULT_NEVER_PREVIEWED)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> SespanSettings:
        """Take over the values as they are; unknown keys are left to the checks."""
        url = str(raw.get("URL") or "").rstrip("/")
        key_file = raw.get("SIGNING_KEY_FILE")
        return cls(
            url=url,
            public_url=str(raw.get("PUBLIC_URL") or url).rstrip("/"),
            key=str(raw.get("KEY") or "") or _key_in(raw.get("KEY_FILE")),
            key_file=Path(raw["KEY_FILE"]) if raw.get("KEY_FILE") else None,
            database=str(raw.get("DATABASE") or "default"),
            signing_key_file=Path(key_file) if key_file else None,
            client_ip_path=str(raw.get("CLIENT_IP") or ""),
            order_path=str(raw.get("ORDER") or ""),
            currency=str(raw.get("CURRENCY") or ""),
            brand=raw["BRAND"] if isinstance(raw.get("BRAND"), dict) else {},
            login_backend_path=str(raw.get("LOGIN_BACKEND") or ""),
            adapter_path=str(raw.get("ADAPTER") or ""),
            switched_on=bool(raw.get("ENABLED", True)),
            fake=bool(raw.get("FAKE", True)),
            timeout=_seconds(raw.get("TIMEOUT")),
            never_previewed=_categories(raw.get("NEVER_PREVIEWED")),
        )

    @property
    def in_memory(self) -> bool:
        """Whether calls end in `django_sespan.testing`: in a test run, unless FAKE is False."""
        return self.fake and _is_test_run()

    @property
    def mail_only(self) -> bool:
        """Whether the site queues mail and uses nothing else: neither URL nor KEY is given."""
        return not self.url and not self.key and self.key_file is None

    @property
    def enabled(self) -> bool:
        """Whether Sespan is called at all: `ENABLED`, and somewhere to call."""
        return self.switched_on and (self.in_memory or not self.mail_only)

    @cached_property
    def client_ip(self) -> ClientIP:
        """The callable behind `CLIENT_IP`, or the one that reads REMOTE_ADDR."""
        path = self.client_ip_path or "django_sespan.client_ip.remote_addr"
        function: ClientIP = import_string(path)
        return function

    @cached_property
    def order(self) -> Order:
        """The callable behind `ORDER`."""
        if not self.order_path:
            raise ImproperlyConfigured("SESPAN['ORDER'] is not set; the checkout needs it.")
        function: Order = import_string(self.order_path)
        return function

    @property
    def login_backend(self) -> str:
        """Dotted path of the backend that a verified customer is logged in with."""
        return self.login_backend_path or django_settings.AUTHENTICATION_BACKENDS[0]

    @property
    def public_is_path(self) -> bool:
        """Whether PUBLIC_URL is a path of this site, which its proxy hands to Sespan."""
        return self.public_url.startswith("/") and not self.public_url.startswith("//")

    @property
    def public_origin(self) -> str:
        """PUBLIC_URL as a CSP source: `https://host:port`, or `'self'` for a path."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"


def _is_test_run() -> bool:
    """Return whether Django's `setup_test_environment` was called, as every test runner does.

    `mail.outbox` alone is no proof: the locmem backend makes one on a running site, too.
    """
    state = getattr(sys.modules.get("django.test.utils"), "_TestState", None)
    return hasattr(mail, "outbox") and hasattr(state, "saved_data")


def _key_in(path: object) -> str:
    """Return the key in a file; "" where it cannot be read, which the checks say."""
    try:
        return Path(str(path)).read_text("utf-8").strip() if path else ""
    except (OSError, ValueError):
        return ""


def _categories(given: Any) -> frozenset[str]:
    """Return the names beside those of every site; what is no list of them adds none."""
    if not isinstance(given, list | tuple | set | frozenset):
        given = ()
    return frozenset({*DEFAULT_NEVER_PREVIEWED, *(n for n in given if isinstance(n, str))})


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    return DEFAULT_TIMEOUT


@cache
def get_settings() -> SespanSettings:
    """Return the site's settings; read once, read again when a test overrides them."""
    raw = getattr(django_settings, "SESPAN", None)
    return SespanSettings.from_dict(raw if isinstance(raw, dict) else {})


def reload_settings(*, setting: str, **_: object) -> None:
    """Receiver of Django's `setting_changed`."""
    if setting in {"SESPAN", "AUTHENTICATION_BACKENDS"}:
        get_settings.cache_clear()
