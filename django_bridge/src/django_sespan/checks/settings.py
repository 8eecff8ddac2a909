"""Each value of `SESPAN`."""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from django_sespan._internal.brand import COLOR
from django_sespan._internal.tokens import signing_key
from django_sespan.adapter import Adapter
from django_sespan.checks.findings import error, warning
from django_sespan.conf import KEYS, SespanSettings
from django_sespan.mail.options import CATEGORY

KEY_SHAPE = re.compile(r"sk_[A-Za-z0-9_-]{12}_[A-Za-z0-9_-]{43}")
EXAMPLE = 'SESPAN = {"URL": "http://127.0.0.1:8080", "KEY": "sk_…"}'
SWITCHES = ("ENABLED", "FAKE")
CURRENCY = re.compile(r"[A-Z]{3}")
BRAND = {"NAME": re.compile(r".{0,200}"), "COLOR": COLOR, "LOGO": re.compile(r"https?://\S+")}


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check each value of `SESPAN`; without it the site only queues mail."""
    raw = getattr(django_settings, "SESPAN", {})
    if not isinstance(raw, dict):
        return [error("E001", "SESPAN is not a dict.", f"Set {EXAMPLE}.")]
    settings = SespanSettings.from_dict(raw)
    return [
        *_unknown_keys(raw),
        *_types(raw),
        *_looks(raw),
        *_urls(settings),
        *_key(settings),
        *_database(settings),
        *_paths(settings),
        *_signing_key(settings),
    ]


def _unknown_keys(raw: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in raw.keys() - KEYS:
        near = difflib.get_close_matches(str(name).upper(), KEYS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(KEYS))}."
        yield error("E002", f"SESPAN has an unknown key {name!r}.", hint)


def _types(raw: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout = raw.get("TIMEOUT", 1)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        yield error("E010", "SESPAN['TIMEOUT'] is not a positive number.", "Give seconds: 5.0.")
    for name in SWITCHES:
        if not isinstance(raw.get(name, True), bool):
            yield error("E010", f"SESPAN['{name}'] is not a bool.", "Give True or False.")
    categories = raw.get("NEVER_PREVIEWED", ())
    if not isinstance(categories, list | tuple | set | frozenset) or not all(
        isinstance(name, str) and CATEGORY.fullmatch(name) for name in categories
    ):
        yield error(
            "E010",
            "SESPAN['NEVER_PREVIEWED'] is no list of categories.",
            'Give names of 1 to 64 of A-Z a-z 0-9 . _ : -, such as ["magic-link"].',
        )


def _looks(raw: dict[str, Any]) -> Iterator[CheckMessage]:
    currency = raw.get("CURRENCY") or "IDR"
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        yield error(
            "E010", "SESPAN['CURRENCY'] is no currency.", "Give a code of ISO 4217, such as IDR."
        )
    brand = raw.get("BRAND") or {}
    if not isinstance(brand, dict) or brand.keys() - BRAND.keys():
        yield error("E010", "SESPAN['BRAND'] is wrong.", f"Give a dict of {', '.join(BRAND)}.")
        return
    for name, shape in BRAND.items():
        if (value := brand.get(name)) and not shape.fullmatch(str(value)):
            yield error(
                "E010",
                f"SESPAN['BRAND']['{name}'] is {value!r}.",
                "COLOR is #2f6b54 and the like, LOGO the https address of a picture.",
            )


def _urls(settings: SespanSettings) -> Iterator[CheckMessage]:
    addresses = []
    if settings.url or _is_called(settings):
        addresses.append(("URL", settings.url))
    if settings.public_url != settings.url and not settings.public_is_path:
        addresses.append(("PUBLIC_URL", settings.public_url))
    for name, value in addresses:
        try:
            parts = urlsplit(value)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment or parts.username:
            yield error(
                "E003",
                f"SESPAN['{name}'] is not the address of a Sespan service.",
                "Give scheme and host, such as http://127.0.0.1:8080.",
            )


def _key(settings: SespanSettings) -> Iterator[CheckMessage]:
    if (settings.key or _is_called(settings)) and not KEY_SHAPE.fullmatch(settings.key):
        what = "SESPAN['KEY'] is missing or is not a service key."
        if settings.key_file is not None:
            what = (
                f"SESPAN['KEY_FILE']: {settings.key_file} cannot be read or holds no service key."
            )
        yield error(
            "E004",
            what,
            "Make one: sespan keys create --role service --name django",
        )


def _is_called(settings: SespanSettings) -> bool:
    return settings.enabled and not settings.in_memory


def _database(settings: SespanSettings) -> Iterator[CheckMessage]:
    database = django_settings.DATABASES.get(settings.database)
    if database is None:
        known = ", ".join(sorted(django_settings.DATABASES))
        yield error(
            "E005",
            f"SESPAN['DATABASE'] names {settings.database!r}, which is not in DATABASES.",
            f"Known aliases: {known}.",
        )
    elif not settings.in_memory and not _is_postgresql(settings.database):
        yield error(
            "E005",
            f"The database {settings.database!r} is not PostgreSQL.",
            "Sespan lives in the site's own PostgreSQL.",
        )


def _is_postgresql(alias: str) -> bool:
    """Ask the backend, not its name: pools and metrics wrap it under names of their own."""
    return connections[alias].vendor == "postgresql"


def _paths(settings: SespanSettings) -> Iterator[CheckMessage]:
    for name, path in (
        ("CLIENT_IP", settings.client_ip_path),
        ("ORDER", settings.order_path),
        ("LOGIN_BACKEND", settings.login_backend_path),
    ):
        if not path:
            continue
        try:
            good = callable(import_string(path))
        except ImportError:
            good = False
        if not good:
            yield error(
                "E006", f"SESPAN['{name}'] = {path!r} does not import.", "Give a dotted path."
            )
    if settings.adapter_path and not _is_adapter(settings.adapter_path):
        yield error(
            "E006",
            f"SESPAN['ADAPTER'] = {settings.adapter_path!r} is no adapter.",
            "Give the dotted path of a subclass of django_sespan.adapter.Adapter.",
        )
    chosen = settings.login_backend_path
    if chosen and chosen not in django_settings.AUTHENTICATION_BACKENDS:
        yield error(
            "E006",
            "SESPAN['LOGIN_BACKEND'] is not one of AUTHENTICATION_BACKENDS.",
            "Django forgets a login whose backend is not listed there.",
        )


def _is_adapter(path: str) -> bool:
    try:
        chosen = import_string(path)
    except ImportError:
        return False
    return isinstance(chosen, type) and issubclass(chosen, Adapter)


def _signing_key(settings: SespanSettings) -> Iterator[CheckMessage]:
    path = settings.signing_key_file
    if path is None:
        return
    try:
        path.read_bytes()
    except FileNotFoundError:
        yield warning("W008", f"{path} does not exist yet.", "Run: manage.py sespan_init")
        return
    except PermissionError:  # whoever migrates need not be whoever serves
        hint = "Whoever runs the site must: no token is signed without it."
        yield warning("W008", f"{path} cannot be read by this user.", hint)
        return
    except OSError:
        pass  # a folder, say: E007
    try:
        signing_key(path)
    except ImproperlyConfigured as exc:
        yield error("E007", str(exc), "Run: manage.py sespan_init")
        return
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield warning("W001", f"{path} can be read by other users.", f"chmod 600 {path}")
