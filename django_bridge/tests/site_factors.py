"""Settings that Django lets a site choose, and the site that has made such a choice.

A new setting joins `FACTORS`; `test_site_settings.py` then walks the bridge under it, together
with each value of every other one.
"""

from __future__ import annotations

from contextlib import contextmanager

import django
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import override_settings
from django.utils import translation
from django.utils.translation import trans_real

LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
SESSIONS = "django.contrib.sessions.backends."
CACHES = {
    "locmem": LOCMEM,
    "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    "db": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "site_cache"},
    "file": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"},
}
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
AUDIT = "django_sespan.middleware.AuditMiddleware"
CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"
POLICY = {"default-src": ["'self'"]}
BEHIND = "behind"
"""The alias that a router sends reads to."""

FACTORS = {
    "USE_TZ": [True, False],
    "TIME_ZONE": ["UTC", "Asia/Jakarta", "America/St_Johns"],
    "USE_I18N": [True, False],
    "USE_THOUSAND_SEPARATOR": [False, True],
    "LANGUAGE_CODE": ["en-us", "id", "de-ch", "ar"],
    "SESSION_ENGINE": ["db", "cache", "cached_db", "signed_cookies", "file"],
    "cache": list(CACHES),
    "ATOMIC_REQUESTS": [True, False],
    "middleware": ["", LOGIN_REQUIRED, AUDIT, CSP],
    "reads": ["where it writes", BEHIND],
}


class ReadsBehind:
    """A router that sends reads to a replica; which apps lag at the moment, a test says."""

    lagging: frozenset[str] = frozenset()

    def db_for_read(self, model, **hints):
        return BEHIND if model._meta.app_label in self.lagging else None

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


@contextmanager
def lagging(*apps):
    """Let the rows of these apps be on their way to the replica: reads there do not find them."""
    ReadsBehind.lagging = frozenset(apps)
    try:
        yield
    finally:
        ReadsBehind.lagging = frozenset()


@contextmanager
def replica():
    """Another connection to the database: it never sees what the test's transaction wrote."""
    behind = connection.copy(BEHIND)
    behind.ensure_connection()  # before it has its name: Django's tests refuse unknown ones
    connections.settings[BEHIND] = behind.settings_dict | {"ATOMIC_REQUESTS": False}
    connections[BEHIND] = behind
    try:
        with override_settings(DATABASE_ROUTERS=["site_factors.ReadsBehind"]):
            yield
    finally:
        behind.close()
        del connections[BEHIND]
        del connections.settings[BEHIND]


@contextmanager
def site(row, folder):
    """Make the site of a row of FACTORS."""
    from django.conf import settings

    default = dict(CACHES[row["cache"]])
    if row["cache"] == "file":
        default["LOCATION"] = str(folder)
    middleware = list(settings.MIDDLEWARE)
    if row["middleware"] and not (row["middleware"] == CSP and django.VERSION < (6, 0)):
        middleware.append(row["middleware"])
    chosen = {name: row[name] for name in FACTORS if name.isupper() and name != "ATOMIC_REQUESTS"}
    chosen |= {
        "SESSION_ENGINE": SESSIONS + row["SESSION_ENGINE"],
        "SESSION_CACHE_ALIAS": "sessions",
        "SESSION_FILE_PATH": str(folder),
        "CACHES": {"default": default, "sessions": LOCMEM | {"LOCATION": "sessions"}},
        "MIDDLEWARE": middleware,
    }
    if django.VERSION >= (6, 0):
        chosen["SECURE_CSP"] = POLICY
    atomic = connection.settings_dict["ATOMIC_REQUESTS"]
    with override_settings(**chosen):
        connection.settings_dict["ATOMIC_REQUESTS"] = row["ATOMIC_REQUESTS"]
        _forget_language()
        if row["cache"] == "db":
            call_command("createcachetable")
        try:
            if row["reads"] == BEHIND:
                with replica():
                    yield
            else:
                yield
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = atomic
    _forget_language()


def _forget_language():
    """Django looks at USE_I18N once, and keeps the language that a request has activated."""
    trans_real.deactivate()
    vars(translation._trans).clear()
