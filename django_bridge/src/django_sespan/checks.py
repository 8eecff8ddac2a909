"""System checks `sespan.E0xx` and `sespan.W0xx`, each with a hint that says what to do.

E001 SESPAN missing or no dict     E006 a dotted path does not import
E002 unknown key                   E007 SIGNING_KEY_FILE unusable
E003 URL or PUBLIC_URL             E008 sessions or authentication missing
E004 KEY                           E009 user model: key, is_active or e-mail
E005 DATABASE                      E010 TIMEOUT or ENABLED
W001 key file readable by others   W003 behind a proxy without CLIENT_IP
W002 PUBLIC_URL without TLS        W004 several login backends, none chosen
W005 sessions that visitors can read
"""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import IntegerField
from django.utils.module_loading import import_string

from django_sespan.conf import KEYS, SespanSettings
from django_sespan.tokens import signing_key

KEY_SHAPE = re.compile(r"sk_[A-Za-z0-9_-]{12}_[A-Za-z0-9_-]{43}")
EXAMPLE = 'SESPAN = {"URL": "http://127.0.0.1:8080", "KEY": "sk_…"}'


def register_all() -> None:
    """Register them all; the app does it once."""
    register(check_settings, "sespan")
    register(check_site, "sespan")
    register(check_deployment, Tags.security, deploy=True)


def check_settings(**_: Any) -> list[CheckMessage]:
    """Check each value of `SESPAN`."""
    raw = getattr(django_settings, "SESPAN", None)
    if not isinstance(raw, dict):
        return [_error("E001", "SESPAN is missing or is not a dict.", f"Set {EXAMPLE}.")]
    found = SespanSettings.from_dict(raw)
    return [
        *_unknown_keys(raw),
        *_types(raw),
        *_urls(found),
        *_key(found),
        *_database(found),
        *_paths(found),
        *_signing_key(found),
    ]


def check_site(**_: Any) -> list[CheckMessage]:
    """Check what the flows need of the site."""
    return [*_middleware(), *_user_model(), *_client_ip(), *_login_backend(), *_sessions()]


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Check with `manage.py check --deploy` only."""
    raw = getattr(django_settings, "SESPAN", None)
    found = SespanSettings.from_dict(raw if isinstance(raw, dict) else {})
    if not found.public_url or found.public_is_path or found.public_url.startswith("https:"):
        return []
    return [
        CheckWarning(
            "Browsers reach Sespan without TLS.",
            hint="Give SESPAN['PUBLIC_URL'] an https address, or a path behind the site's proxy.",
            id="sespan.W002",
        )
    ]


def _unknown_keys(raw: dict[Any, Any]) -> Iterator[CheckMessage]:
    for name in raw.keys() - KEYS:
        near = difflib.get_close_matches(str(name).upper(), KEYS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(KEYS))}."
        yield _error("E002", f"SESPAN has an unknown key {name!r}.", hint)


def _types(raw: dict[str, Any]) -> Iterator[CheckMessage]:
    timeout = raw.get("TIMEOUT", 1)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        yield _error("E010", "SESPAN['TIMEOUT'] is not a positive number.", "Give seconds: 5.0.")
    if not isinstance(raw.get("ENABLED", True), bool):
        yield _error("E010", "SESPAN['ENABLED'] is not a bool.", "Give True or False.")


def _urls(found: SespanSettings) -> Iterator[CheckMessage]:
    addresses = [("URL", found.url)]
    if found.public_url != found.url and not found.public_is_path:
        addresses.append(("PUBLIC_URL", found.public_url))
    for name, value in addresses:
        try:
            parts = urlsplit(value)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment or parts.username:
            yield _error(
                "E003",
                f"SESPAN['{name}'] is not the address of a Sespan service.",
                "Give scheme and host, such as http://127.0.0.1:8080.",
            )


def _key(found: SespanSettings) -> Iterator[CheckMessage]:
    if found.enabled and not KEY_SHAPE.fullmatch(found.key):
        yield _error(
            "E004",
            "SESPAN['KEY'] is missing or is not a service key.",
            "Make one: sespan keys create --role service --name django",
        )


def _database(found: SespanSettings) -> Iterator[CheckMessage]:
    database = django_settings.DATABASES.get(found.database)
    if database is None:
        known = ", ".join(sorted(django_settings.DATABASES))
        yield _error(
            "E005",
            f"SESPAN['DATABASE'] names {found.database!r}, which is not in DATABASES.",
            f"Known aliases: {known}.",
        )
    elif database.get("ENGINE") not in _postgresql_engines():
        yield _error(
            "E005",
            f"The database {found.database!r} is not PostgreSQL.",
            "Sespan lives in the site's own PostgreSQL.",
        )


def _postgresql_engines() -> set[str]:
    # Wrappers of the PostgreSQL backend (pools, metrics) subclass it under other names.
    known = {"django.db.backends.postgresql", "django.contrib.gis.db.backends.postgis"}
    others = {str(d.get("ENGINE", "")) for d in django_settings.DATABASES.values()}
    return known | {name for name in others if "postg" in name}


def _paths(found: SespanSettings) -> Iterator[CheckMessage]:
    for name, path in (
        ("CLIENT_IP", found.client_ip_path),
        ("ORDER", found.order_path),
        ("LOGIN_BACKEND", found.login_backend_path),
    ):
        if not path:
            continue
        try:
            good = callable(import_string(path))
        except ImportError:
            good = False
        if not good:
            yield _error(
                "E006", f"SESPAN['{name}'] = {path!r} does not import.", "Give a dotted path."
            )
    chosen = found.login_backend_path
    if chosen and chosen not in django_settings.AUTHENTICATION_BACKENDS:
        yield _error(
            "E006",
            "SESPAN['LOGIN_BACKEND'] is not one of AUTHENTICATION_BACKENDS.",
            "Django forgets a login whose backend is not listed there.",
        )


def _signing_key(found: SespanSettings) -> Iterator[CheckMessage]:
    path = found.signing_key_file
    if path is None:
        return
    try:
        signing_key(path)
    except ImproperlyConfigured as exc:
        yield _error("E007", str(exc), "Run: manage.py sespan_init")
        return
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield CheckWarning(
            f"{path} can be read by other users.", hint=f"chmod 600 {path}", id="sespan.W001"
        )


def _middleware() -> Iterator[CheckMessage]:
    for needed in (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ):
        if not any(_is(path, needed) for path in django_settings.MIDDLEWARE):
            yield _error(
                "E008", f"{needed} is not in MIDDLEWARE.", "The flows keep their state there."
            )


def _is(path: str, wanted: str) -> bool:
    if path == wanted:
        return True
    try:
        found, base = import_string(path), import_string(wanted)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, base)


def _user_model() -> Iterator[CheckMessage]:
    model = get_user_model()
    if not isinstance(getattr(model._meta.pk, "target_field", model._meta.pk), IntegerField):
        yield _error(
            "E009",
            f"The key of {model._meta.label} is not an integer.",
            "Sespan binds customers by integer keys.",
        )
    for name in ("is_active", model.get_email_field_name()):
        try:
            model._meta.get_field(name)
        except FieldDoesNotExist:
            yield _error(
                "E009",
                f"{model._meta.label} has no field {name!r}.",
                "Registration needs an e-mail address and is_active as columns.",
            )


def _client_ip() -> Iterator[CheckMessage]:
    raw = getattr(django_settings, "SESPAN", None)
    chosen = isinstance(raw, dict) and raw.get("CLIENT_IP")
    proxied = django_settings.SECURE_PROXY_SSL_HEADER or django_settings.USE_X_FORWARDED_HOST
    if proxied and not chosen:
        yield CheckWarning(
            "The site stands behind a proxy, but SESPAN['CLIENT_IP'] is not set.",
            hint="All visitors have the proxy's address. Name a function (request) -> address.",
            id="sespan.W003",
        )


def _login_backend() -> Iterator[CheckMessage]:
    raw = getattr(django_settings, "SESPAN", None)
    chosen = isinstance(raw, dict) and raw.get("LOGIN_BACKEND")
    backends = django_settings.AUTHENTICATION_BACKENDS
    if len(backends) > 1 and not chosen:
        yield CheckWarning(
            "Several AUTHENTICATION_BACKENDS, and SESPAN['LOGIN_BACKEND'] is not set.",
            hint=f"Verified customers are logged in with {backends[0]}.",
            id="sespan.W004",
        )


def _sessions() -> Iterator[CheckMessage]:
    if django_settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield CheckWarning(
            "Sessions are kept in cookies, which visitors can read.",
            hint="They would show whether a registered address was known. Use another engine.",
            id="sespan.W005",
        )


def _error(number: str, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"sespan.{number}")
