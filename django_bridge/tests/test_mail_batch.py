"""Many messages in one call: few statements, and a bad one is alone with its failure."""

from __future__ import annotations

import warnings

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_sespan import errors, signals
from django_sespan.mail import EmailBackend, backend, batches, enqueue
from mail_rows import count, row

pytestmark = pytest.mark.django_db


def message(n=0, **changes):
    values = {"subject": f"s{n}", "body": "b", "from_email": "shop@example.com"}
    return EmailMessage(**values | {"to": [f"a{n}@example.com"]} | changes)


@pytest.fixture
def failed():
    seen = []

    def receiver(**kwargs):
        seen.append((kwargs["message"].subject, str(kwargs["error"])))

    signals.mail_failed.connect(receiver)
    yield seen
    signals.mail_failed.disconnect(receiver)


@pytest.fixture
def second():
    """Another connection to the same database, as a site with two has."""
    connections.settings["second"] = dict(connection.settings_dict)
    connections["second"].connect()  # the test case knows the alias of its own only
    yield connections["second"]
    connections["second"].close()
    connections["second"].close_pool()
    del connections["second"], connections.settings["second"]


def test_a_hundred_are_one_statement_in_one_savepoint():
    mails = [message(n) for n in range(100)]
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert EmailBackend().send_messages(mails) == 100
    statements = [q["sql"].split()[0] for q in queries]
    assert statements == ["SAVEPOINT", "SELECT", "RELEASE"]
    assert [row(m.sespan_id)["subject"] for m in mails] == [f"s{n}" for n in range(100)]


@pytest.mark.usefixtures("own_backend")
def test_send_mass_mail_is_one_statement():
    with CaptureQueriesContext(connection) as queries:
        given = [("s", "b", "shop@example.com", [f"a{n}@example.com"]) for n in range(20)]
        assert mail.send_mass_mail(given) == 20
    assert len([q for q in queries if "mail_enqueue" in q["sql"]]) == 1


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_one_round_trip():
    with CaptureQueriesContext(connection) as queries:
        assert EmailBackend().send_messages([message(n) for n in range(10)]) == 10
        assert EmailBackend().send_messages([message()]) == 1
    assert len(queries) == 2


@pytest.mark.parametrize("bad", [0, 3, 9])
def test_a_refused_mail_does_not_affect_its_neighbours(bad, failed):
    mails = [message(n) for n in range(10)]
    mails[bad].to = ["nobody"]
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert EmailBackend(fail_silently=True).send_messages(mails) == 9
        count()
    assert len([q for q in queries if "mail_enqueue" in q["sql"]]) <= 4
    assert [hasattr(m, "sespan_id") for m in mails] == [n != bad for n in range(10)]
    assert [subject for subject, _ in failed] == [f"s{bad}"]
    assert failed[0][1].startswith("recipients: 'nobody' is not")


def test_several_refused_mails(failed):
    mails = [message(n) for n in range(20)]
    for n in (0, 1, 7, 19):
        mails[n].to = ["nobody"]
    mails[8].subject = "two\nlines"
    assert EmailBackend(fail_silently=True).send_messages(mails) == 15
    assert len(failed) == 5
    assert [hasattr(m, "sespan_id") for m in mails].count(True) == 15


def test_the_first_bad_one_stops_and_those_before_it_are_queued(failed):
    before = count()
    mails = [message(n) for n in range(6)]
    mails[2].to, mails[4].to = ["nobody"], ["nobody as well"]
    with pytest.raises(errors.MailNotQueued, match="'nobody'"):
        EmailBackend().send_messages(mails)
    assert count() == before + 2
    assert [hasattr(m, "sespan_id") for m in mails] == [True, True, False, False, False, False]
    assert [subject for subject, _ in failed] == ["s2"]


def test_a_forged_header_stops_after_those_before_it():
    before = count()
    mails = [message(0), message(1, subject="a\nBcc: x@example.com"), message(2)]
    with pytest.raises(ValueError, match="newlines"):
        EmailBackend().send_messages(mails)
    assert count() == before + 1


def test_a_failure_without_a_place_is_narrowed_down(monkeypatch):
    real = enqueue.enqueue

    def fussy(using, mails):
        if any(m["subject"] == "s5" for m in mails):
            raise DatabaseError("canceling statement due to lock timeout")
        return real(using, mails)

    monkeypatch.setattr(backend, "enqueue", fussy)
    assert EmailBackend(fail_silently=True).send_messages([message(n) for n in range(12)]) == 11


def test_a_lost_connection_is_not_asked_again_for_each(monkeypatch, failed, caplog):
    calls = []

    def gone(using, mails):
        calls.append(len(mails))
        raise InterfaceError("the connection is closed")

    monkeypatch.setattr(backend, "enqueue", gone)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    assert EmailBackend(fail_silently=True).send_messages([message(n) for n in range(50)]) == 0
    assert calls == [50]
    assert len(failed) == 50
    assert [r.getMessage() for r in caplog.records] == [
        "50 mail(s) not queued: the connection is closed"
    ]
    with pytest.raises(errors.MailNotQueued, match="closed"):
        EmailBackend().send_messages([message()])


def test_a_broken_transaction_is_reported_once(failed):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(errors.MailNotQueued, match="transaction"):
            EmailBackend().send_messages([message(n) for n in range(3)])
    assert len(failed) == 3


def test_large_batches_are_split(monkeypatch):
    monkeypatch.setattr(batches, "MAX_MAILS", 4)
    with CaptureQueriesContext(connection) as queries:
        assert EmailBackend().send_messages([message(n) for n in range(10)]) == 10
    assert len([q for q in queries if "mail_enqueue" in q["sql"]]) == 3


def test_heavy_mails_go_alone(monkeypatch):
    monkeypatch.setattr(batches, "MAX_CHARACTERS", 1000)
    mails = [message(0), message(1, body="b" * 2000), message(2), message(3)]
    with CaptureQueriesContext(connection) as queries:
        assert EmailBackend().send_messages(mails) == 4
    statements = [q["sql"] for q in queries if "mail_enqueue" in q["sql"]]
    assert ["_batch" in sql for sql in statements] == [False, False, True]


def test_parts_and_raw_messages_in_one_batch():
    mails = [message(0), message(1, reply_to=["a@b.co", "b@b.co"]), message(2, cc=["c@b.co"])]
    mails[0].attach("a.bin", b"\x00\x01", "application/x-thing")
    mails[2].sespan = {"priority": 2}
    assert EmailBackend().send_messages(mails) == 3
    assert row(mails[0].sespan_id)["attachments"][0]["content"] == "AAE="
    assert bytes(row(mails[1].sespan_id)["raw"]).rstrip().endswith(b"\r\n\r\nb")
    assert row(mails[2].sespan_id)["priority"] == 2


def test_in_a_durable_block():
    with transaction.atomic(durable=True):
        assert EmailBackend().send_messages([message(), message(1)]) == 2


@pytest.mark.django_db(transaction=True)
def test_without_autocommit():
    before = count()
    transaction.set_autocommit(False)
    try:
        bad = message(1, to=["nobody"])
        assert EmailBackend(fail_silently=True).send_messages([message(), bad, message(2)]) == 2
        assert count() == before + 2
        transaction.rollback()
        assert count() == before
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("second")
class TestTwoDatabases:
    def test_a_transaction_on_another_database_warns(self):
        with (
            pytest.warns(backend.OutsideTransaction, match="'second', outside .* 'default'"),
            transaction.atomic(),
        ):
            EmailBackend(database="second").send_messages([message()])

    def test_the_same_or_both_or_none_are_fine(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            EmailBackend(database="second").send_messages([message()])
            with transaction.atomic():
                EmailBackend().send_messages([message()])
            with transaction.atomic(), transaction.atomic(using="second"):
                EmailBackend(database="second").send_messages([message()])

    def test_it_follows_the_transaction_of_its_own_database(self):
        before = count()
        with transaction.atomic(using="second"):
            EmailBackend(database="second").send_messages([message(), message(1)])
            transaction.set_rollback(True, using="second")
        assert count() == before
