"""The activation right of a new customer: SQL in the site's transaction that never breaks it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from django_sespan import errors
from django_sespan._internal.accounts import is_unverified
from django_sespan._internal.registrations import Registrations

pytestmark = pytest.mark.django_db(transaction=True)


def sql(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def registrations():
    return Registrations()


def person(name="budi", *, active=False, **fields):
    return User.objects.create_user(name, f"{name}@example.com", is_active=active, **fields)


def new(registrations, name="budi", **fields):
    """A customer as a registration makes one."""
    with transaction.atomic():
        user = person(name, **fields)
        assert registrations.register(user) == "granted"
    return user


def test_the_right_is_written_with_the_customer(bound, registrations):
    with transaction.atomic():
        user = person()
        assert registrations.register(user) == "granted"
        assert registrations.register(user) == "live"
    assert registrations.right(user) == "live"
    assert registrations.supersede(user) == "live"
    assert is_unverified(user)


def test_a_rolled_back_customer_leaves_no_right(bound, registrations):
    with transaction.atomic():
        user = person()
        assert registrations.register(user) == "granted"
        transaction.set_rollback(True)
    assert registrations.right(user) == "none"


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("staff", [True, False])
def test_who_was_there_before_gets_no_right(bound, registrations, active, staff):
    """However young: an account that waits for approval, say."""
    user = person(active=active, is_staff=staff)
    for _ in range(3):
        with transaction.atomic():
            assert registrations.register(user) == "ended"
            assert registrations.supersede(user) == "ended"
    assert registrations.right(user) == "none"
    assert not is_unverified(user)


def test_a_revoked_right_is_ended(bound, registrations):
    user = new(registrations)
    sql("SELECT sespan.otp_revoke(%s)", user.pk)
    assert (registrations.right(user), registrations.supersede(user)) == ("ended", "ended")
    assert not is_unverified(user)


def test_who_has_logged_in_is_not_unverified(bound, registrations):
    user = new(registrations, last_login=timezone.now())
    assert registrations.right(user) == "live"
    assert not is_unverified(user)
    assert not is_unverified(None)


def test_without_a_binding_the_sites_transaction_goes_on(registrations, caplog):
    with transaction.atomic():
        user = person()
        assert registrations.register(user) == "unknown"
        user.first_name = "Budi"
        user.save()
    assert User.objects.get().first_name == "Budi"
    assert "bind-customers" in caplog.text
    with pytest.raises(errors.SespanMisconfigured, match="no customer table is bound"):
        registrations.require()


def test_without_the_schema(registrations):
    with transaction.atomic():
        sql("ALTER SCHEMA sespan RENAME TO elsewhere")
        user = person()
        assert (registrations.register(user), registrations.right(user)) == ("unknown", "unknown")
        assert not is_unverified(user)
        with pytest.raises(errors.SespanMisconfigured, match="sespan"):
            registrations.require()
        user.is_active = True
        user.save()  # nobody to tell: no line of its own
        transaction.set_rollback(True)


def test_users_on_another_alias_than_sespan(registrations, settings):
    settings.SESPAN = {**settings.SESPAN, "DATABASE": "elsewhere"}
    assert registrations.register(person()) == "unknown"
    with pytest.raises(errors.SespanMisconfigured, match="DATABASE"):
        registrations.require()


def test_a_site_that_is_ready(bound, registrations):
    registrations.require()
    with transaction.atomic():
        registrations.require()
    assert sql("SELECT count(*) FROM sespan.otp_budget") == [(0,)], "it writes nothing"


def test_unused_in_portions(bound, registrations):
    users = [new(registrations, f"p{n}") for n in range(5)]
    sql("SELECT sespan.otp_revoke(%s)", users[1].pk)
    sql("UPDATE sespan.otp_activation SET granted_at = now() - interval '8 days'")
    new(registrations, "fresh")
    week = timezone.now() - timedelta(days=7)
    found = list(registrations.unused(week, portion=2))
    assert found == [users[n].pk for n in (0, 2, 3, 4)]
    assert list(registrations.unused(week - timedelta(days=7))) == []
