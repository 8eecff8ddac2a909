"""Every system check fires on its fault, with a hint, and on nothing else."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.management import call_command
from django.db import connections
from django.db.models import BigAutoField, CharField

from django_sespan import checks
from django_sespan.checks.settings import check_settings
from django_sespan.conf import get_settings
from django_sespan.management.diagnosis import DiagnosisFailed
from django_sespan.management.diagnosis import settings as diagnosis

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
        ({"ADAPTER": "no.such.Adapter"}, "sespan.E006"),
        ({"ADAPTER": "site_project.orders.sespan_order"}, "sespan.E006"),
        ({"CLIENT_IP": "no.such.function"}, "sespan.E006"),
        ({"ORDER": "site_project.orders.ORDERS"}, "sespan.E006"),
        ({"LOGIN_BACKEND": "django.contrib.auth.backends.RemoteUserBackend"}, "sespan.E006"),
        ({"SIGNING_KEY_FILE": __file__}, "sespan.E007"),
        ({"SIGNING_KEY_FILE": "/none.pem"}, "sespan.W008"),
        ({"TIMEOUT": 0}, "sespan.E010"),
        ({"TIMEOUT": "5"}, "sespan.E010"),
        ({"ENABLED": "no"}, "sespan.E010"),
        ({"FAKE": 0}, "sespan.E010"),
        ({"NEVER_PREVIEWED": "password_reset"}, "sespan.E010"),
        ({"NEVER_PREVIEWED": ["not one"]}, "sespan.E010"),
        ({"NEVER_PREVIEWED": [3]}, "sespan.E010"),
        ({"NEVER_PREVIEWED": None}, "sespan.E010"),
    ],
)
def test_each_setting(settings, change, expected):
    settings.SESPAN = {**settings.SESPAN, **change}
    assert ids() == [expected]


@pytest.mark.parametrize("value", [None, [], "http://x"])
def test_settings_that_are_no_dict(settings, value):
    settings.SESPAN = value
    assert "sespan.E001" in ids()


def test_a_disabled_site_needs_neither_key_nor_address(settings):
    settings.SESPAN = {**settings.SESPAN, "ENABLED": False, "KEY": "", "URL": "", "PUBLIC_URL": ""}
    assert ids() == []


@pytest.mark.parametrize("value", [None, {}, {"DATABASE": "default"}])
def test_a_site_that_only_queues_mail(settings, value):
    settings.SESPAN = value
    if value is None:
        del settings.SESPAN
    settings.MIDDLEWARE = []
    assert ids() == ["sespan.W007"]  # the test site includes the pages
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    assert ids() == []


def test_a_site_that_only_queues_mail_makes_no_call(settings, sespan, rf, runtime):
    from django_sespan._internal.login_reports import on_login_failed
    from django_sespan.client import get_client
    from django_sespan.errors import SespanDisabled

    del settings.SESPAN
    settings.SESPAN = {"FAKE": False}
    on_login_failed(None, {"username": "budi"}, rf.post("/"))
    assert runtime._login_queue is None
    with pytest.raises(SespanDisabled):
        get_client().otp_create(purpose="login", email="a@example.com")
    assert sespan.calls == []


def test_a_test_run_with_sespan_in_memory_needs_no_service(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    settings.SESPAN = {**settings.SESPAN, "FAKE": True, "KEY": ""}
    assert ids() == []


def test_the_hint_of_a_typing_error(settings):
    settings.SESPAN = {**settings.SESPAN, "TIMOUT": 1}
    (message,) = checks.check_settings()
    assert "TIMEOUT" in message.hint


def test_not_postgresql(monkeypatch):
    monkeypatch.setattr(type(connections["default"]), "vendor", "sqlite")
    assert ids() == ["sespan.E005"]


def test_a_wrapper_of_the_postgresql_backend(settings, monkeypatch):
    """Such as psqlextra.backend: the backend says what it is, its name does not."""
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "psqlextra.backend")
    assert ids() == []


def test_the_key_file(settings, signing_key, tmp_path):
    assert ids() == []
    (tmp_path / "checkout.pem").chmod(0o644)
    assert ids() == ["sespan.W001"]
    (tmp_path / "checkout.pem").write_text("no key")
    assert ids() == ["sespan.E007"]


def test_a_key_file_that_only_the_server_may_read(settings, signing_key, monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert ids() == ["sespan.W008"]


def test_middleware(settings):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "Session" not in m]
    assert ids() == ["sespan.W022"]


def own_authentication(get_response):
    """A middleware that no class tells: it sets request.user all the same."""
    from django.contrib.auth import get_user
    from django.utils.functional import SimpleLazyObject

    def respond(request):
        request.user = SimpleLazyObject(lambda: get_user(request))
        return get_response(request)

    return respond


PATHS = ["register/", "code/resume/", "dashboard/", "keys/"]


def test_a_middleware_of_the_sites_own(settings, client, db, sespan):
    """It is warned of, `check` and `sespan_verify` go on, and the pages work."""
    settings.MIDDLEWARE = [
        "test_checks.own_authentication" if "Authentication" in m else m
        for m in settings.MIDDLEWARE
    ]
    (message,) = checks.check_site()
    assert (message.id, message.is_serious()) == ("sespan.W022", False)
    assert "SILENCED_SYSTEM_CHECKS = ['sespan.W022']" in message.hint
    settings.SILENCED_SYSTEM_CHECKS = ["admin.E408"]  # Django's own look at the class
    call_command("check", stdout=StringIO(), stderr=StringIO())
    assert "W022" in diagnosis.check()
    settings.SILENCED_SYSTEM_CHECKS = ["sespan.W022"]
    assert "W022" not in diagnosis.check()
    for path in PATHS:
        assert client.get(f"/account/{path}").status_code in {200, 302}
    assert client.post("/account/checkout-token/").status_code == 401


@pytest.mark.parametrize("path", [*PATHS, "code/", "code/resend/", "checkout-token/"])
def test_a_page_says_what_it_needs_of_the_site(settings, client, db, path):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "auth" not in m]
    with pytest.raises(ImproperlyConfigured, match=r"needs request\.user: add django"):
        client.post(f"/account/{path}")


def test_an_error_that_is_silenced_does_not_stop_sespan_verify(settings):
    settings.SESPAN = {**settings.SESPAN, "TIMEOUT": 0}
    with pytest.raises(DiagnosisFailed, match=r"sespan\.E010"):
        diagnosis.check()
    settings.SILENCED_SYSTEM_CHECKS = ["sespan.E010"]
    assert "http://sespan.test:8080" in diagnosis.check()


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

    monkeypatch.setattr(checks.site, "get_user_model", lambda: Person)
    monkeypatch.setattr(checks.site, "_alias", list)
    assert ids() == ["sespan.W009"] * faults


def test_a_path_of_the_site_as_public_url(settings):
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": "/sespan"}
    assert ids() == []
    assert checks.check_deployment() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
def test_a_proxy_without_client_ip(settings, name, value):
    setattr(settings, name, value)
    assert ids() == ["sespan.W003"]
    assert name in checks.check_site()[0].msg
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


class Elsewhere:
    """A router that keeps users in a database of their own."""

    def db_for_write(self, model, **hints):
        return "people" if model._meta.label == "auth.User" else None


def test_users_in_another_database(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES, "people", dict(settings.DATABASES["default"]))
    settings.DATABASE_ROUTERS = ["test_checks.Elsewhere"]
    assert ids() == ["sespan.W006"]
    settings.SESPAN = {**settings.SESPAN, "DATABASE": "people"}
    assert ids() == []


def numbers(text):
    return set(re.findall(r"\b[EWI]0\d\d\b", text))


def test_every_number_is_in_the_list():
    """The list in the package's docstring is the whole one, and the manual has it, too."""
    package = Path(checks.__file__).parent
    used = {
        number
        for file in package.glob("*.py")
        for number in re.findall(r"""(?:error|warning|info)\(\s*"([EWI]\d+)\"""", file.read_text())
    }
    assert used == numbers(checks.__doc__)
    tested = "".join(p.read_text() for p in Path(__file__).parent.glob("test_checks*.py"))
    assert used <= numbers(tested)
    assert used == numbers(
        (Path(__file__).parents[2] / "docs" / "django-operations.md").read_text()
    )


def test_the_key_in_a_file(settings, tmp_path):
    """A checkout without the file starts, and is told."""
    path = tmp_path / "sespan.key"
    raw = {**settings.SESPAN, "FAKE": False, "KEY_FILE": path}
    raw.pop("KEY", None)
    settings.SESPAN = raw
    assert [m.id for m in check_settings() if str(path) in m.msg] == ["sespan.E004"]
    path.write_text(f"sk_{'a' * 12}_{'b' * 43}\n")
    settings.SESPAN = {**raw}
    assert [m for m in check_settings() if m.id == "sespan.E004"] == []
    assert get_settings().key.startswith("sk_aaaa")
