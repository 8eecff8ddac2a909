"""Whose customer: another table than the bound one is refused, by each way to name a user.

Two tenants have a schema each, as with django-tenants: the same model, the same keys, other
people. The first one's table is bound.
"""

from __future__ import annotations

import json
from datetime import timedelta

import jwt
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import user_logged_in
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models
from django.utils import timezone

from django_sespan import aio, checkout, checks, errors
from django_sespan._internal import customer_table, people
from django_sespan._internal.registrations import Registrations
from django_sespan.client import get_client
from django_sespan.mail import queue_admin
from fake import problem
from registrants import REGISTER_URL, form

COLUMNS = {name: {"column": name} for name in ("email", "username", "is_active", "date_joined")}
BINDING = json.dumps({"customer_id": {"column": "id"}, **COLUMNS})


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def tenants(db):
    """Return a function that turns to a tenant; whatever a test does is rolled back."""
    for schema in ("tenant_a", "Tenant B"):
        run(f'CREATE SCHEMA "{schema}"')
        run(f'CREATE TABLE "{schema}".auth_user (LIKE public.auth_user INCLUDING ALL)')
    run("SELECT sespan.customer_bind('tenant_a.auth_user'::regclass, %s)", BINDING)

    def turn_to(schema):
        run(f'SET LOCAL search_path TO "{schema}", public')

    return turn_to


MISMATCH = "customer-table-mismatch"
B = '"Tenant B".auth_user'


def test_every_call_says_the_table(tenants, sespan, runtime, signing_key):
    for schema, table in (("tenant_a", "tenant_a.auth_user"), ("Tenant B", B)):
        tenants(schema)
        sespan.calls.clear()
        get_client().otp_create(purpose="login", customer_id=1)
        get_client().otp_create(purpose="login", email="a@example.com")
        checkout.price(1, f"A-{schema[-1]}", "10")
        user = User.objects.create_user("budi", "budi@example.com")
        user_logged_in.send(sender=User, request=None, user=user)
        assert runtime.login_queue.drain(30)
        assert [body["customer_table"] for _, _, body, _ in sespan.calls] == [table] * 4
        token = jwt.decode(checkout.token(1, "A-1", "10"), options={"verify_signature": False})
        assert token["customer_table"] == table


def test_the_refusal_of_the_service_says_what_to_do(tenants, sespan):
    tenants("Tenant B")
    sespan.fail.append(problem(409, MISMATCH))
    with pytest.raises(errors.CustomerTableMismatch) as refused:
        get_client().otp_create(purpose="login", customer_id=1)
    assert isinstance(refused.value, errors.SespanMisconfigured)
    assert B in str(refused.value)
    assert "bind-customers" in str(refused.value)


def test_a_visitor_of_the_other_tenant_registers_nobody(tenants, sespan, client):
    tenants("Tenant B")
    page = client.post(REGISTER_URL, form())
    assert page.status_code == 503
    assert User.objects.count() == 0
    assert sespan.calls == []


def test_each_question_about_a_right_is_refused(tenants):
    tenants("tenant_a")
    user = User.objects.create_user("ann", "ann@example.com", is_active=False)
    assert Registrations().right(user) == "none"
    tenants("Tenant B")
    other = User(pk=user.pk, email="eve@example.com")
    registrations = Registrations()
    for ask in (
        registrations.require,
        lambda: registrations.register(other),
        lambda: registrations.supersede(other),
        lambda: queue_admin.revoke_activation("default", other.pk),
    ):
        with pytest.raises(errors.CustomerTableMismatch, match="tenant_a"):
            ask()
    assert registrations.right(other) == "unknown"
    registrations.activated(other)
    assert run("SELECT count(*) FROM sespan.otp_activation") == [(0,)]
    with pytest.raises(DatabaseError, match="tenant_a"):
        list(registrations.unused(timezone.now() + timedelta(days=1)))


def test_nobody_of_the_other_tenant_is_deleted(tenants):
    tenants("Tenant B")
    with pytest.raises(CommandError, match="tenant_a"):
        call_command("sespan_prune_unverified", older_than=timedelta(days=7))


def test_people_of_the_other_tenant_end_no_keys(tenants):
    """A key's owner is known by the key of the user, too."""
    run(
        "INSERT INTO sespan.people_role (person_id, roles) VALUES ('1', '{admin}') "
        "ON CONFLICT (person_id) DO UPDATE SET roles = excluded.roles"
    )
    tenants("Tenant B")
    for tell in (lambda: people.tell(1, "left"), people.compare):
        with pytest.raises(DatabaseError, match="tenant_a"):
            tell()
    assert run("SELECT roles FROM sespan.people_role WHERE person_id = '1'") == [(["admin"],)]


def test_the_check_is_an_error(tenants):
    tenants("Tenant B")
    found = {m.id: m for m in checks.check_database(databases=["default"])}
    assert found["sespan.E015"].is_serious()
    assert B in found["sespan.E015"].msg
    assert "--table '\"Tenant B\".auth_user'" in found["sespan.E015"].hint
    tenants("tenant_a")
    assert "sespan.E015" not in {m.id for m in checks.check_database(databases=["default"])}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ('"Tenant B"."auth_user"', B),
        ("auth_user", "public.auth_user"),
        ("nobody", None),
    ],
)
def test_the_name_is_the_database_s(tenants, monkeypatch, name, found):
    monkeypatch.setattr(User._meta, "db_table", name)
    assert customer_table.read() == found


def test_of_a_child_model_it_is_the_table_with_the_address(tenants, monkeypatch):
    class Member(User):
        class Meta:
            app_label = "tenants"

        points = models.IntegerField(default=0)

    monkeypatch.setattr(customer_table, "get_user_model", lambda: Member)
    assert customer_table.read() == "public.auth_user"


def test_without_an_answer_of_the_database_nothing_is_asked(tenants, sespan, monkeypatch):
    def broken(cursor):
        raise DatabaseError("gone")

    monkeypatch.setattr(customer_table, "find", broken)
    with pytest.raises(errors.SespanUnavailable, match="gone"):
        get_client().otp_create(purpose="login", customer_id=1)
    assert sespan.calls == []


class TestAsync:
    @pytest.mark.django_db(transaction=True)
    def test_the_table_is_that_of_the_site_s_connection(self, sespan):
        async def code():
            return await aio.call(get_client().otp_create, purpose="login", customer_id=1)

        async_to_sync(code)()
        assert sespan.calls[0][2]["customer_table"] == "public.auth_user"
