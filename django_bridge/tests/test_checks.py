"""Every system check fires on its fault, with a hint, and on nothing else."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BigAutoField, CharField

from django_sespan import checks

PROXY = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django.contrib.auth.backends.RemoteUserBackend",
]


def ids():
    found = [*checks.check_settings(), *checks.check_site()]
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_a_good_site_is_silent():
    assert [m for m in run_checks() if m.id.startswith("sespan.")] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"KYE": "x"}, "sespan.E002"),
        ({3: "x"}, "sespan.E002"),
        ({"URL": ""}, "sespan.E003"),
        ({"URL": "sespan.test:8080"}, "sespan.E003"),
        ({"URL": "ftp://sespan.test"}, "sespan.E003"),
        ({"URL": "http://user:pass@sespan.test"}, "sespan.E003"),
        ({"URL": "http://sespan.test:99999"}, "sespan.E003"),
        ({"PUBLIC_URL": "//api"}, "sespan.E003"),
        ({"KEY": ""}, "sespan.E004"),
        ({"KEY": "sk_short"}, "sespan.E004"),
        ({"DATABASE": "other"}, "sespan.E005"),
        ({"CLIENT_IP": "no.such.function"}, "sespan.E006"),
        ({"ORDER": "site_project.orders.ORDERS"}, "sespan.E006"),
        ({"LOGIN_BACKEND": "django.contrib.auth.backends.RemoteUserBackend"}, "sespan.E006"),
        ({"SIGNING_KEY_FILE": "/none.pem"}, "sespan.E007"),
        ({"TIMEOUT": 0}, "sespan.E010"),
        ({"TIMEOUT": "5"}, "sespan.E010"),
        ({"ENABLED": "no"}, "sespan.E010"),
    ],
)
def test_each_setting(settings, change, expected):
    settings.SESPAN = {**settings.SESPAN, **change}
    assert ids() == [expected]


@pytest.mark.parametrize("value", [None, [], "http://x"])
def test_no_settings_at_all(settings, value):
    settings.SESPAN = value
    assert "sespan.E001" in ids()


def test_missing_settings_do_not_break_the_start(settings):
    del settings.SESPAN
    assert ids() == ["sespan.E001"]


def test_a_disabled_site_needs_no_key(settings):
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False, "KEY": ""}
    assert ids() == []


def test_the_hint_of_a_typing_error(settings):
    settings.SESPAN = {**settings.SESPAN, "TIMOUT": 1}
    (message,) = checks.check_settings()
    assert "TIMEOUT" in message.hint


def test_not_postgresql(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids() == ["sespan.E005"]


def test_the_key_file(settings, signing_key, tmp_path):
    assert ids() == []
    (tmp_path / "checkout.pem").chmod(0o644)
    assert ids() == ["sespan.W001"]
    (tmp_path / "checkout.pem").write_text("no key")
    assert ids() == ["sespan.E007"]


def test_middleware(settings):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Session" not in m]
    assert ids() == ["sespan.E008"]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"pk": CharField()}, 1),
        ({"fields": {"id"}}, 2),
        ({"pk": CharField(), "fields": set()}, 3),
    ],
)
def test_a_user_model_that_cannot_serve(monkeypatch, change, faults):
    class Meta:
        label = "people.Person"
        pk = change.get("pk", BigAutoField())

        @staticmethod
        def get_field(name):
            if name not in change.get("fields", {"is_active", "email"}):
                raise FieldDoesNotExist

    class Person:
        _meta = Meta
        get_email_field_name = staticmethod(lambda: "email")

    monkeypatch.setattr(checks, "get_user_model", lambda: Person)
    assert ids() == ["sespan.E009"] * faults


def test_a_path_of_the_site_as_public_url(settings):
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": "/sespan"}
    assert ids() == []
    assert checks.check_deployment() == []


def test_a_proxy_without_client_ip(settings):
    settings.SECURE_PROXY_SSL_HEADER = PROXY["SECURE_PROXY_SSL_HEADER"]
    assert ids() == ["sespan.W003"]
    settings.SESPAN = {**settings.SESPAN, "CLIENT_IP": "django_sespan.client_ip.remote_addr"}
    assert ids() == []


def test_sessions_that_visitors_can_read(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert ids() == ["sespan.W005"]


def test_several_login_backends(settings):
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    assert ids() == ["sespan.W004"]
    settings.SESPAN = {**settings.SESPAN, "LOGIN_BACKEND": BACKENDS[0]}
    assert ids() == []


def test_deployment(settings):
    assert checks.check_deployment() == []
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": "http://api.shop.test"}
    assert [m.id for m in checks.check_deployment()] == ["sespan.W002"]
