"""The checks of the database's state, each produced on a real PostgreSQL and undone."""

from __future__ import annotations

import json
import os
import re
from io import StringIO

import psycopg
import pytest
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import modify_settings

import database
from django_sespan import checks
from django_sespan.checks.database import DOORBELL_OFF
from django_sespan.conf import SCHEMA_VERSION

COLUMNS = {name: {"column": name} for name in ("email", "username", "is_active", "date_joined")}
TIER = "SELECT sespan.tier_save(name => 'all', probability => 0.5, discount => 0.1)"
BINDING = json.dumps({"customer_id": {"column": "id"}, **COLUMNS})


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def good(db):
    """A database as `sespan init` leaves it; whatever a test does to it is rolled back."""
    run("DELETE FROM sespan.schema_version")
    run("INSERT INTO sespan.schema_version VALUES (%s)", SCHEMA_VERSION)
    bind("public.auth_user")
    run(TIER)
    call_command("sespan_init", "--groups-only", stdout=StringIO())


def bind(table):
    run("SELECT sespan.customer_bind(%s::regclass, %s)", table, BINDING)
    run("SELECT sespan.customer_reference(%s::regclass, 'id')", table)
    run("SELECT sespan.customer_reference_validate()")


def found():
    messages = checks.check_database(databases=["default"])
    assert all(message.hint for message in messages)
    return {message.id: message for message in messages}


def only(number):
    messages = found()
    assert list(messages) == [f"sespan.{number}"]
    return messages[f"sespan.{number}"]


def test_a_good_database_is_silent(good):
    assert found() == {}
    assert [m for m in run_checks(databases=["default"]) if m.id.startswith("sespan.")] == []


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM sespan.transaction_tier",
        "UPDATE sespan.transaction_tier SET is_active = false",
        "UPDATE sespan.transaction_tier SET ends_at = now()",
    ],
)
def test_a_checkout_without_an_active_tier(good, settings, change):
    run(change)
    assert "no order can win" in only("W024").msg
    settings.SESPAN = {k: v for k, v in settings.SESPAN.items() if k != "ORDER"}
    assert found() == {}


def test_a_tier_that_is_to_come_is_enough(good):
    run("UPDATE sespan.transaction_tier SET starts_at = now() + interval '1 day'")
    assert found() == {}


def test_a_group_of_the_roles_is_missing(good):
    from people import group

    group("report").permissions.clear()
    group("admin").delete()
    message = only("W021")
    assert "Sespan admin, Sespan report" in message.msg
    assert "sespan_init --groups-only" in message.hint
    call_command("sespan_init", "--groups-only", stdout=StringIO())
    assert found() == {}


def test_before_the_sites_first_migration_no_group_is_looked_for(good):
    run("ALTER TABLE auth_group RENAME TO elsewhere")
    assert found() == {}


def test_it_is_asked_only_when_the_database_is_to_be_checked(db):
    run("DROP SCHEMA sespan CASCADE")
    assert checks.check_database() == []
    assert checks.check_database(databases=["replica"]) == []
    assert [m for m in run_checks() if m.id.startswith("sespan.")] == []
    ours = [m.id for m in run_checks(tags=[Tags.database], databases=["default"])]
    assert ours == ["sespan.W010"]


def test_by_the_commands(db):
    """`check --database` tells it and may be made to fail by it; `migrate` goes on."""
    run("DROP SCHEMA sespan CASCADE")
    with pytest.raises(SystemCheckError):
        call_command(
            "check",
            databases=["default"],
            fail_level="WARNING",
            stderr=StringIO(),
        )
    errors = StringIO()
    call_command("check", databases=["default"], stderr=errors)
    assert "sespan.W010" in errors.getvalue()
    errors = StringIO()
    call_command("migrate", verbosity=0, stdout=StringIO(), stderr=errors, skip_checks=False)
    assert "sespan.W010" in errors.getvalue()


def test_no_schema(db):
    run("DROP SCHEMA sespan CASCADE")
    assert "sespan init" in only("W010").hint


@pytest.mark.parametrize(
    ("version", "number", "hint"),
    [
        (SCHEMA_VERSION - 1, "W011", "sespan migrate up"),
        (SCHEMA_VERSION + 1, "W012", "upgrade django-sespan"),
    ],
)
def test_another_version_of_the_schema(good, version, number, hint):
    run("UPDATE sespan.schema_version SET version = %s", version)
    message = only(number)
    assert str(version) in message.msg
    assert hint in message.hint


def test_the_bridge_knows_the_newest_schema():
    newest = max(int(re.match(r"\d+", p.name)[0]) for p in database.MIGRATIONS.glob("0*.sql"))
    assert newest == SCHEMA_VERSION


def test_unbound(good):
    run("SELECT sespan.customer_unbind()")
    assert "sespan bind-customers --table public.auth_user" in only("W013").hint


def test_a_site_that_only_queues_mail_needs_no_binding(good, settings):
    run("SELECT sespan.customer_unbind()")
    settings.SESPAN = {"FAKE": False}
    assert found() == {}


def test_a_stale_binding(good):
    run("ALTER TABLE auth_user RENAME COLUMN email TO mail")
    message = only("W014")
    assert "public.auth_user.email does not exist" in message.msg
    assert "bind-customers --table public.auth_user" in message.hint


def test_a_lost_foreign_key(good):
    run("ALTER TABLE sespan.otp DROP CONSTRAINT otp_customer_id_fkey")
    assert "otp_customer_id_fkey" in only("W014").msg


def test_bound_to_another_table(good):
    run("CREATE TABLE public.people (LIKE public.auth_user INCLUDING ALL)")
    bind("public.people")
    message = only("E015")
    assert "public.people" in message.msg
    assert "--table public.auth_user --replace" in message.hint


def test_the_trigger(good):
    run("ALTER TABLE sespan.mail_queue DISABLE TRIGGER mail_doorbell_ring")
    assert "ENABLE TRIGGER mail_doorbell_ring" in only("W016").hint
    run("ALTER TABLE sespan.mail_queue ENABLE REPLICA TRIGGER mail_doorbell_ring")
    only("W016")
    run("ALTER TABLE sespan.mail_queue ENABLE ALWAYS TRIGGER mail_doorbell_ring")
    assert found() == {}
    run("DROP TRIGGER mail_doorbell_ring ON sespan.mail_queue")
    assert "missing" in only("W016").msg


@pytest.fixture
def login(good):
    """The roles of Sespan under a prefix, and a login without any; all go with the rollback."""
    prefix, name = f"kit{os.getpid()}_", f"Site {os.getpid()}"
    script = (database.MIGRATIONS.parent / "roles.sql").read_text()
    script = re.sub(r"\bsespan_(?=owner|service|producer|reader|admin)", prefix, script)
    run(re.sub(r"^(BEGIN|COMMIT);$", "", script, flags=re.MULTILINE).replace("%", "%%") % ())
    run("RESET ROLE")
    run(f'CREATE ROLE "{name}"')
    run(f'GRANT SELECT ON auth_user TO "{name}"')
    run(f'GRANT UPDATE (is_active) ON auth_user TO "{name}"')
    yield prefix, f'"{name}"'
    if not connection.needs_rollback:
        run("RESET ROLE")


def obey(hint):
    """Run the GRANT of a hint, as a superuser."""
    run("RESET ROLE")
    run(hint.removeprefix("As a superuser: "))


def test_the_grants_of_the_sites_login(login, settings):
    prefix, name = login
    run(f"SET ROLE {name}")
    messages = found()
    assert list(messages) == ["sespan.W017", "sespan.W018"]
    assert "sespan.mail_enqueue" in messages["sespan.W017"].msg
    assert messages["sespan.W017"].hint == f"As a superuser: GRANT {prefix}producer TO {name}"
    obey(messages["sespan.W017"].hint)
    run(f"SET ROLE {name}")
    message = only("W018")
    assert message.hint == f"As a superuser: GRANT {prefix}reader_detail, {prefix}admin TO {name}"
    obey(message.hint)
    run(f"SET ROLE {name}")
    assert found() == {}


def test_the_grants_name_the_roles_of_this_installation(login):
    """Others may have rights, too: a group of another site, which comes first by its name."""
    prefix, name = login
    for role in ("producer", "reader_detail", "admin"):
        run(f"CREATE ROLE aaa_{role}")
        run(f"GRANT USAGE ON SCHEMA sespan TO aaa_{role}")
    run(f"SET ROLE {name}")
    hints = [message.hint for message in found().values()]
    assert hints == [
        f"As a superuser: GRANT {prefix}producer TO {name}",
        f"As a superuser: GRANT {prefix}reader_detail, {prefix}admin TO {name}",
    ]


def test_a_site_without_the_admin_needs_no_grants_for_it(login, settings):
    prefix, name = login
    run(f"GRANT {prefix}producer TO {name}")
    run(f"SET ROLE {name}")
    with modify_settings(INSTALLED_APPS={"remove": "django.contrib.admin"}):
        assert found() == {}


def test_prepared_transactions_and_the_doorbell(good, django_db_blocker):
    """Produced by a session of its own; the transaction is prepared for real."""
    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory", None)
    parameters.pop("context", None)
    with psycopg.connect(**parameters, autocommit=True) as other:
        name = f"check_{os.getpid()}"
        other.execute("BEGIN")
        other.execute("SELECT 1")
        other.execute(f"PREPARE TRANSACTION '{name}'")
        try:
            message = only("W019")
            run(DOORBELL_OFF)
            assert found() == {}
        finally:
            other.execute(f"ROLLBACK PREPARED '{name}'")
    assert DOORBELL_OFF in message.hint


def test_a_database_that_does_not_answer(good, monkeypatch):
    run("DROP TABLE sespan.mail_setting CASCADE")
    run("ALTER TABLE sespan.schema_version RENAME version TO number")
    message = only("W020")
    assert "version" in message.msg
    assert run("SELECT 1") == [(1,)]  # the caller's transaction goes on


def test_in_a_test_run_with_sespan_in_memory_it_is_silent(db, settings):
    run("DROP SCHEMA sespan CASCADE")
    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    assert found() == {}


def test_another_vendor_is_not_asked(db, monkeypatch):
    run("DROP SCHEMA sespan CASCADE")
    monkeypatch.setattr(connection, "vendor", "sqlite")
    assert found() == {}
