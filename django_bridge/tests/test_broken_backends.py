"""A login backend of the site's that fails says so: quiet is only a row that cannot be read."""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User, UserManager
from django.db import DataError, connection

from django_sespan.adapter import Adapter
from fake import CODE
from registrants import CODE_URL, EMAIL, LOGIN_URL, PASSWORD, REGISTER_URL, form

pytestmark = pytest.mark.django_db


class Unset(ModelBackend):
    """Its setting is broken."""

    def authenticate(self, request, **credentials):
        return int("LDAP_TIMEOUT")

    def get_user(self, user_id):
        return int("LDAP_TIMEOUT")


class Miswritten(ModelBackend):
    """Asks the database what it cannot answer."""

    def authenticate(self, request, **credentials):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'LDAP_TIMEOUT'::int")


class Misread(ModelBackend):
    """Asks for a key that is none."""

    def authenticate(self, request, username=None, **credentials):
        return User.objects.get(pk=username)


BACKENDS = [(Unset, ValueError), (Miswritten, DataError), (Misread, ValueError)]


@pytest.mark.parametrize(("backend", "error"), BACKENDS)
def test_a_failing_backend_is_no_wrong_password(client, memory, settings, backend, error):
    settings.AUTHENTICATION_BACKENDS = [f"test_broken_backends.{backend.__name__}"]
    with pytest.raises(error, match=r"LDAP_TIMEOUT|expected a number"):
        client.post(LOGIN_URL, {"username": "budi", "password": PASSWORD})


def test_a_failing_backend_is_no_row_that_cannot_be_read(client, bound, sespan, settings):
    path = "test_broken_backends.Unset"
    settings.AUTHENTICATION_BACKENDS = [path]
    settings.SESPAN = {**settings.SESPAN, "LOGIN_BACKEND": path}
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)
    assert client.post(REGISTER_URL, form())["Location"] == CODE_URL
    with pytest.raises(ValueError, match="LDAP_TIMEOUT"):
        client.post(CODE_URL, {"code": CODE}, follow=True)


def test_a_failing_manager_is_told(monkeypatch):
    monkeypatch.setattr(UserManager, "get_by_natural_key", lambda self, name: int("PREFIX"))
    with pytest.raises(ValueError, match="PREFIX"):
        Adapter().find_users(EMAIL)
