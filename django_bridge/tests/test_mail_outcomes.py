"""`mail_sent` and `mail_dead`: what the worker did, told to the site at least once."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection

from django_sespan import signals
from django_sespan.mail import outcomes as module
from django_sespan.mail.outcomes import Outcomes, ToldElsewhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_backend")]


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(autouse=True)
def _fresh():
    yield
    run("TRUNCATE sespan.mail_signal, sespan.mail_outcome, sespan.mail_queue, sespan.mail_message")


@pytest.fixture
def told():
    """What receivers were told, in order."""
    seen = []

    def note(signal, outcome, **kwargs):
        seen.append((signal is signals.mail_sent, outcome))

    for signal in (signals.mail_sent, signals.mail_dead):
        signal.connect(note)
    yield seen
    for signal in (signals.mail_sent, signals.mail_dead):
        signal.disconnect(note)


def queue(*to):
    message = EmailMessage("Order", "…", "shop@example.com", to or ["budi@example.com"])
    message.sespan = {"category": "order"}
    message.send()
    return message.sespan_id


def finish(message_id, state="sent", ago="0", **more):
    """Write the final state of each recipient, as the worker does."""
    run(
        "INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, finished_at, state,"
        " attempts, code, recipient, reason, reply)"
        " SELECT q.queue_id, q.message_id, q.created_at, clock_timestamp() - %s::interval, %s, 1,"
        " %s, q.recipient, %s, %s FROM sespan.mail_queue q WHERE q.message_id = %s",
        ago,
        state,
        more.get("code"),
        more.get("reason"),
        more.get("reply"),
        message_id,
    )
    run("DELETE FROM sespan.mail_queue WHERE message_id = %s", message_id)


def test_each_final_state_is_told_once(told):
    outcomes = Outcomes()
    outcomes.tell()  # what other tests finished within the overlap
    told.clear()
    assert outcomes.tell() == 0
    sent, dead = queue("budi@example.com", "sari@example.com"), queue("no@example.com")
    finish(sent)
    finish(dead, "dead", code=550, reason="no-such-mailbox", reply="no such user")
    assert outcomes.tell() == 3
    assert outcomes.tell() == 0
    assert [(ok, o.message_id, o.recipient) for ok, o in told] == [
        (True, sent, "budi@example.com"),
        (True, sent, "sari@example.com"),
        (False, dead, "no@example.com"),
    ]
    last = told[-1][1]
    assert (last.state, last.code, last.reason) == ("dead", 550, "no-such-mailbox")
    assert (last.reply, last.category, last.attempts) == ("no such user", "order", 1)
    assert abs((datetime.now(UTC) - last.finished_at).total_seconds()) < 60


@pytest.mark.parametrize("state", ["expired", "suppressed", "cancelled"])
def test_what_is_never_sent_is_dead_to_the_site(told, state):
    outcomes = Outcomes()
    outcomes.tell()
    finish(queue(), state)
    outcomes.tell()
    assert [(ok, o.state) for ok, o in told] == [(False, state)]


def test_one_that_is_seen_late_is_told_all_the_same(told, monkeypatch):
    """`finished_at` is the start of the worker's transaction."""
    monkeypatch.setattr(module, "OVERLAP", "10 minutes")  # however slow this test runs
    outcomes = Outcomes()
    finish(queue())
    outcomes.tell(since="1 hour")
    late = queue("late@example.com")
    outcomes.tell()
    finish(late, ago="30 seconds")
    assert outcomes.tell() == 1
    assert [o.recipient for _, o in told] == ["budi@example.com", "late@example.com"]


def test_the_first_time_and_a_new_process(told, monkeypatch):
    finish(queue(), ago="2 minutes")
    assert Outcomes().tell() == 0
    run("TRUNCATE sespan.mail_signal")
    finish(queue(), ago="10 minutes")
    first = Outcomes()
    assert first.tell(since="1 hour") == 2
    assert first.tell(since="1 hour") == 0
    monkeypatch.setattr(module, "OVERLAP", "5 minutes")
    assert Outcomes().tell(since="1 hour") == 1  # the last minutes again: at least once


def test_more_than_a_portion(told, monkeypatch):
    monkeypatch.setattr(module, "PORTION", 2)
    outcomes = Outcomes()
    outcomes.tell()
    for _ in range(5):
        finish(queue())
    assert outcomes.tell() == 5
    assert len({o.message_id for _, o in told}) == 5


def test_a_dead_mail_that_is_sent_again_has_a_second_end(told):
    outcomes = Outcomes()
    outcomes.tell()
    number = queue()
    finish(number, "dead")
    outcomes.tell()
    run("UPDATE sespan.mail_outcome SET state = 'sent', finished_at = clock_timestamp()")
    assert outcomes.tell() == 1
    assert [ok for ok, _ in told] == [False, True]


def test_what_a_receiver_raises_stops_nothing(told, caplog):
    def broken(**kwargs):
        raise LookupError("no such order")

    signals.mail_sent.connect(broken)
    try:
        outcomes = Outcomes()
        outcomes.tell()
        finish(queue())
        assert outcomes.tell() == 1
    finally:
        signals.mail_sent.disconnect(broken)
    assert "no such order" in caplog.text
    assert len(told) == 1


def test_two_processes_are_one_too_many():
    one, two = Outcomes(), Outcomes()
    one.tell()

    def meanwhile(**kwargs):
        signals.mail_sent.disconnect(meanwhile)
        two.tell()

    signals.mail_sent.connect(meanwhile)
    finish(queue())
    with pytest.raises(ToldElsewhere):
        one.tell()


@contextmanager
def acting_as(role):
    run(f'SET ROLE "{role}"')
    try:
        yield
    finally:
        run("RESET ROLE")


def test_the_command(told, capsys):
    call_command("sespan_mail_signals", "--once")
    finish(queue())
    call_command("sespan_mail_signals", "--once")
    assert "Told: 1" in capsys.readouterr().out
    assert len(told) == 1
    for wrong in ("0", "-1"):
        with pytest.raises(CommandError, match="positive"):
            call_command("sespan_mail_signals", "--every", wrong)
    run("TRUNCATE sespan.mail_signal")
    with pytest.raises(CommandError, match="interval"):
        call_command("sespan_mail_signals", "--once", "--since", "long ago")


def test_a_login_without_the_roles_is_told(told):
    run("DROP ROLE IF EXISTS mail_signals_nobody")
    run("CREATE ROLE mail_signals_nobody")
    try:
        with (
            acting_as("mail_signals_nobody"),
            pytest.raises(CommandError, match="sespan_reader_detail"),
        ):
            call_command("sespan_mail_signals", "--once")
    finally:
        run("DROP ROLE mail_signals_nobody")
