"""Errors of the mail backend are of the classes by which senders sort those of Django's own."""

from __future__ import annotations

import pickle
import smtplib

import psycopg
import psycopg2
import pytest
from django.core.mail import EmailMessage
from django.db import (
    DatabaseError,
    DataError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from django_sespan import errors
from django_sespan.mail import backend
from django_sespan.mail.passing import is_passing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_backend")]


def mail(**more):
    return EmailMessage("Order", "…", "shop@example.com", ["budi@example.com"], **more)


def sort(act):
    """As pretix and other senders do: what may pass is tried again."""
    try:
        act()
    except (smtplib.SMTPException, OSError) as exc:
        return "again", exc
    except Exception as exc:  # noqa: BLE001
        return "final", exc
    return "sent", None


def failing(monkeypatch, error, cause):
    error.__cause__ = cause

    def enqueue(using, mails):
        raise error

    monkeypatch.setattr(backend, "enqueue", enqueue)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OperationalError("gone"), psycopg.errors.ConnectionFailure()),
        (OperationalError("restarting"), psycopg.errors.AdminShutdown()),
        (OperationalError("deadlock"), psycopg.errors.DeadlockDetected()),
        (OperationalError("serialization"), psycopg.errors.SerializationFailure()),
        (OperationalError("busy"), psycopg.errors.LockNotAvailable()),
        (OperationalError("slow"), psycopg.errors.QueryCanceled()),
        (OperationalError("full"), psycopg.errors.DiskFull()),
        (OperationalError("full"), psycopg.errors.TooManyConnections()),
        (InternalError("read-only"), psycopg.errors.ReadOnlySqlTransaction()),
        (InternalError("broken"), psycopg.errors.InFailedSqlTransaction()),
        (OperationalError("no server"), psycopg.OperationalError("refused")),
        (OperationalError("no server"), psycopg2.OperationalError("refused")),
        (InterfaceError("closed"), None),
        (transaction.TransactionManagementError("broken"), None),
    ],
    ids=str,
)
def test_what_passes_is_an_error_of_the_network(monkeypatch, error, cause):
    failing(monkeypatch, error, cause)
    verdict, raised = sort(mail().send)
    assert verdict == "again"
    assert isinstance(raised, errors.MailQueueUnavailable)
    assert isinstance(raised, errors.MailNotQueued)
    assert str(raised) == str(error)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ProgrammingError("no schema"), psycopg.errors.UndefinedFunction()),
        (ProgrammingError("no right"), psycopg.errors.InsufficientPrivilege()),
        (DataError("value"), psycopg.errors.InvalidParameterValue()),
        (DatabaseError("refused"), None),
    ],
    ids=str,
)
def test_what_is_final_is_none(monkeypatch, error, cause):
    failing(monkeypatch, error, cause)
    verdict, raised = sort(mail().send)
    assert verdict == "final"
    assert type(raised) is errors.MailNotQueued


def test_on_the_real_database():
    message = mail()
    message.sespan = {"expires_at": "2001-01-01 00:00+00"}
    assert sort(message.send)[0] == "final"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        assert sort(mail().send)[0] == "again"
    with transaction.atomic():
        with pytest.raises(ProgrammingError), connection.cursor() as cursor:
            cursor.execute("SELECT nothing")
        assert sort(mail().send)[0] == "again"
        transaction.set_rollback(True)
    assert sort(mail().send)[0] == "sent"


def test_a_wrong_header_is_final():
    assert sort(lambda: mail(headers={"X\n": "1"}).send())[0] == "final"


def test_other_exceptions_do_not_pass():
    assert not is_passing(ValueError("body"))


def test_it_travels_between_processes():
    """Celery and multiprocessing pickle what a task raises."""
    kept = pickle.loads(pickle.dumps(errors.MailQueueUnavailable("busy")))
    assert (type(kept), str(kept)) == (errors.MailQueueUnavailable, "busy")
