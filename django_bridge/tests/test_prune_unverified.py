"""`manage.py sespan_prune_unverified`: whom it deletes, and whom it never touches."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.utils import timezone

from django_sespan._internal.registrations import Registrations
from django_sespan._internal.runtime import override

COLUMNS = (
    '{"customer_id": {"column": "id"}, "email": {"column": "email"},'
    ' "username": {"column": "username"}, "is_active": {"column": "is_active"},'
    ' "date_joined": {"column": "date_joined"}}'
)
LONG_AGO = timedelta(days=30)


def execute(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def bind():
    (oid,) = execute("SELECT 'public.auth_user'::regclass::oid")[0]
    execute("SELECT sespan.customer_bind(%s, %s)", oid, COLUMNS)
    execute("SELECT sespan.customer_reference(%s, 'id')", oid)


@pytest.fixture(autouse=True)
def real():
    """The schema's own functions, not those of a test run."""
    with override(registrations=Registrations()):
        yield


@pytest.fixture
def bound(db):
    bind()


def prune(*options):
    out, err = StringIO(), StringIO()
    call_command("sespan_prune_unverified", *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def customer(name, *, right="granted_at", ago=LONG_AGO, **fields):
    """A user, and a right to be activated that old: unused, used or revoked."""
    user = User.objects.create(**{"username": name, "is_active": False, **fields})
    when = timezone.now() - ago
    if right:
        execute("INSERT INTO sespan.otp_activation VALUES (%s, %s)", user.pk, when)
        execute(
            f"UPDATE sespan.otp_activation SET {right} = %s WHERE customer_id = %s", when, user.pk
        )
    return user


def names():
    return sorted(User.objects.values_list("username", flat=True))


@pytest.mark.usefixtures("bound")
def test_only_unfinished_registrations_are_deleted():
    customer("unfinished")
    customer("too-young", ago=timedelta(days=6))
    customer("verified", right="used_at", is_active=True)
    customer("banned", right="used_at")
    customer("banned-before-its-code", right="revoked_at")
    customer("made-by-staff", right=None)
    customer("has-logged-in", last_login=timezone.now())
    customer("activated-by-staff", is_active=True)
    output, complaints = prune()
    assert output == "1 deleted\n2 stay: logged in before, activated or withdrawn\n"
    assert not complaints
    assert "unfinished" not in names()
    assert len(names()) == 7


@pytest.mark.usefixtures("bound")
def test_related_rows_are_deleted_and_the_name_is_free():
    user = customer("sari")
    user.groups.add(Group.objects.create(name="buyers"))
    assert prune("--older-than", "2d")[0] == "1 deleted\n"
    assert execute("SELECT count(*) FROM sespan.otp_activation") == [(0,)]
    User.objects.create(username="sari")


@pytest.mark.usefixtures("bound")
def test_a_dry_run_deletes_nothing():
    customer("unfinished")
    customer("activated-by-staff", is_active=True)
    output = prune("--dry-run")[0]
    assert output.startswith("1 would be deleted\n1 stay")
    assert len(names()) == 2


@pytest.mark.usefixtures("bound")
def test_protected_customers_stay_and_the_rest_is_deleted(monkeypatch):
    first, second = customer("with-order"), customer("without")
    delete = User.delete

    def protecting(user, *args, **options):
        if user.pk == first.pk:
            raise models.ProtectedError("no", {Group(pk=1, name="order")})
        return delete(user, *args, **options)

    monkeypatch.setattr(User, "delete", protecting)
    output, complaints = prune()
    assert output == "1 deleted\n1 stay: other rows or rules forbid it\n"
    assert f"Customer {first.pk} stays: 1 group would go too" in complaints
    assert not User.objects.filter(pk=second.pk).exists()


@pytest.mark.usefixtures("bound")
def test_rows_that_django_does_not_know_protect_too():
    user = customer("with-row")
    execute("CREATE TABLE foreign_row (user_id int REFERENCES auth_user)")
    execute("INSERT INTO foreign_row VALUES (%s)", user.pk)
    output, complaints = prune()
    assert output == "0 deleted\n1 stay: other rows or rules forbid it\n"
    assert "foreign_row" in complaints


KEEPS = """
CREATE FUNCTION public.keeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.username = 'kept' THEN RAISE EXCEPTION USING MESSAGE = 'kept: ' || OLD.email; END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keeps BEFORE DELETE ON auth_user FOR EACH ROW EXECUTE FUNCTION public.keeps()
"""


@pytest.mark.usefixtures("bound")
def test_whom_a_trigger_keeps_stays_and_the_rest_is_deleted():
    execute(KEEPS)
    customer("first")
    kept = customer("kept", email="kept@example.com")
    customer("last")
    output, complaints = prune()
    assert output == "2 deleted\n1 stay: other rows or rules forbid it\n"
    assert names() == ["kept"]
    assert f"Customer {kept.pk} stays: SQLSTATE P0001 by the function " in complaints
    assert "keeps" in complaints
    assert kept.email not in complaints


@pytest.mark.usefixtures("bound")
def test_another_trouble_than_a_rule_ends_the_run(monkeypatch):
    def broken(user, *args, **options):
        execute("SELECT 1 / 0")

    customer("first")
    monkeypatch.setattr(User, "delete", broken)
    with pytest.raises(CommandError, match="division by zero"):
        prune()


@pytest.mark.usefixtures("bound")
def test_more_than_one_portion(monkeypatch):
    for number in range(7):
        customer(f"c{number}")
    unused = Registrations.unused
    monkeypatch.setattr(
        Registrations, "unused", lambda self, before: unused(self, before, portion=3)
    )
    assert prune()[0] == "7 deleted\n"
    assert names() == []


@pytest.mark.parametrize("age", ["59m", "7", "d", "-1d", "1 d", "999999d"])
def test_ages_that_are_refused(age):
    with pytest.raises(CommandError, match=r"too short|is no age"):
        prune(f"--older-than={age}")


@pytest.mark.django_db
def test_an_unbound_table_is_reported():
    customer("unfinished")
    with pytest.raises(CommandError, match="does not say who"):
        prune()
    assert names() == ["unfinished"]


@pytest.fixture
def bound_for_all(transactional_db):
    bind()
    yield
    execute("SELECT sespan.customer_unbind()")
    execute("DELETE FROM sespan.otp_activation")


def other():
    found = connection.get_connection_params()
    wanted = {k: found[k] for k in ("dbname", "user", "password", "host", "port") if k in found}
    return psycopg.connect(**wanted)


@pytest.mark.usefixtures("bound_for_all")
def test_a_customer_who_verifies_meanwhile_stays():
    """A verification holds budget, right and then the customer, as the service does."""
    user = customer("just-typing", email="just@example.com")
    with other() as service, other() as watcher:
        service.execute(
            "INSERT INTO sespan.otp_budget (budget_key)"
            " VALUES (sespan.otp_budget_key(sespan.address_key(%s), 'registration', false))",
            [user.email],
        )
        service.execute(
            "UPDATE sespan.otp_activation SET used_at = now() WHERE customer_id = %s", [user.pk]
        )
        output = []
        run = threading.Thread(target=lambda: output.append(in_thread()))
        run.start()
        wait_until_somebody_waits(watcher)
        service.execute("UPDATE auth_user SET is_active = true WHERE id = %s", [user.pk])
        service.commit()
        run.join(60)
    assert output == ["0 deleted\n1 stay: logged in before, activated or withdrawn\n"]
    user.refresh_from_db()
    assert user.is_active


def in_thread():
    try:
        return prune()[0]
    finally:
        connection.close()


def wait_until_somebody_waits(watcher):
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(6000):
        (count,) = watcher.execute(waiting).fetchone()
        watcher.rollback()
        if count:
            return
        threading.Event().wait(0.005)  # another session: it sends no signal
    raise AssertionError("nobody waits")


@pytest.mark.usefixtures("bound_for_all")
def test_each_customer_is_a_transaction_of_its_own(monkeypatch):
    first, last = customer("first"), customer("last")
    delete = User.delete

    def stopping(user, *args, **options):
        assert transaction.get_connection().in_atomic_block
        if user.pk == last.pk:
            raise KeyboardInterrupt
        return delete(user, *args, **options)

    monkeypatch.setattr(User, "delete", stopping)
    with pytest.raises(KeyboardInterrupt):
        prune()
    assert names() == ["last"]
    assert first.pk
