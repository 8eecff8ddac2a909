"""What the steps of `sespan_verify` make of a service, a clock or a queue that is not well."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import StringIO
from types import SimpleNamespace

import httpx
import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from django_sespan import errors
from django_sespan.mail import EmailBackend
from django_sespan.management.diagnosis import (
    DiagnosisFailed,
    code,
    database,
    mail,
    service,
    settings,
)


def answers(sespan, status, slug="", *, apart=0):
    """Let the service answer so, by a clock that far from ours."""
    there = format_datetime(datetime.now(UTC) + timedelta(seconds=apart), usegmt=True)
    body = {"type": f"urn:sespan:problem:{slug}"} if slug else {}
    kind = {"content-type": "application/problem+json" if slug else "text/html"}
    sespan.fail = [httpx.Response(status, json=body, headers={"date": there} | kind)]


def test_a_right_key_and_the_same_time(sespan):
    answers(sespan, 404, "unknown-challenge", apart=2)
    assert service.check().endswith("answers, the key is accepted, clocks agree")


@pytest.mark.parametrize("apart", [-60, 60])
def test_a_clock_off_by_a_minute(sespan, apart):
    answers(sespan, 404, "unknown-challenge", apart=apart)
    with pytest.raises(DiagnosisFailed, match=r"clock differs by (59|60|61) s") as found:
        service.check()
    assert "NTP" in found.value.remedy


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 22 Nov 2026 10:00:00 -0000"])
def test_a_service_that_does_not_say_its_time(sespan, date):
    answers(sespan, 404, "unknown-challenge")
    sespan.fail[0].headers["date"] = date
    assert service.check().endswith("clocks agree")


@pytest.mark.parametrize(
    ("status", "slug", "wrong", "remedy"),
    [
        (401, "unauthorized", "refuses SESPAN", "sespan keys"),
        (403, "forbidden", "refuses SESPAN", "sespan keys"),
        (503, "unavailable", "is up but cannot work", "sespan doctor"),
        (429, "rate-limited", "is up but cannot work", "sespan doctor"),
        (404, "", "is not Sespan", "SESPAN_HTTP_ADDR"),
        (200, "", "is not Sespan", "SESPAN_HTTP_ADDR"),
    ],
)
def test_other_answers(sespan, status, slug, wrong, remedy):
    answers(sespan, status, slug)
    with pytest.raises(DiagnosisFailed, match=wrong) as found:
        service.check()
    assert remedy in found.value.remedy


@pytest.mark.parametrize(
    "body", [b"\xff{]", b"[]", b'{"type":null}', b'{"type":"urn:ses', b" " * 2**21]
)
@pytest.mark.parametrize("status", [200, 404])
def test_garbage(sespan, status, body):
    kind = "application/problem+json" if status != 200 else "application/json"
    sespan.fail = [httpx.Response(status, content=body, headers={"content-type": kind})]
    with pytest.raises(DiagnosisFailed, match=r"is not Sespan \(.+\)") as found:
        service.check()
    assert "SESPAN_HTTP_ADDR" in found.value.remedy


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(httpx.ConnectError("x"), "ConnectError"), (httpx.ReadTimeout("x"), "no answer in time")],
)
def test_no_answer(sespan, failure, reason):
    sespan.fail = [failure, failure]
    with pytest.raises(DiagnosisFailed, match=f"does not answer .{reason}.") as found:
        service.check()
    assert "sespan serve" in found.value.remedy


@pytest.mark.parametrize("apart", [-60, 60])
@pytest.mark.django_db
def test_a_database_of_another_time(monkeypatch, apart):
    there = time.time() + apart
    state = ("shop", there, 15, "auth_user is bound", True)
    monkeypatch.setattr(database, "_state", lambda using: state)
    monkeypatch.setattr(database, "check_database", lambda databases: [])
    with pytest.raises(DiagnosisFailed, match="database's clock differs by"):
        database.check()


@pytest.fixture
def queued(db):
    message = EmailMessage("subject", "body", to=["a@example.com"])
    EmailBackend().send_messages([message])
    return message.sespan_id


def change(number, assignments):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE sespan.mail_queue SET {assignments} WHERE message_id = %s", [number]
        )
        assert cursor.rowcount == 1


def finish(number, state, reply):
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM sespan.mail_queue WHERE message_id = %s RETURNING *)"
            " INSERT INTO sespan.mail_outcome (queue_id, message_id, created_at, state, attempts,"
            " recipient, reply, relay) SELECT queue_id, message_id, created_at, %s, 1, recipient,"
            " %s, 'mail.example:25' FROM gone",
            [number, state, reply],
        )


def test_a_mail_without_a_worker(queued):
    with pytest.raises(DiagnosisFailed, match="queued after 0 s: nobody sends it") as found:
        mail.follow(queued, 0)
    assert "sespan serve" in found.value.remedy


def test_a_mail_server_that_defers(queued):
    change(queued, "state = 'retry', last_reply = '451 greylisted'")
    with pytest.raises(DiagnosisFailed, match="the mail server said: 451 greylisted"):
        mail.follow(queued, 0)


def test_a_mail_that_is_refused(queued):
    finish(queued, "dead", "550 no such mailbox")
    with pytest.raises(DiagnosisFailed, match="dead: 550 no such mailbox"):
        mail.follow(queued, 5)


def test_a_sent_mail(queued):
    finish(queued, "sent", "250 taken")
    assert mail.follow(queued, 5) == "sent, mail.example:25 said: 250 taken"


def test_a_login_without_the_right_to_read_the_queue(queued):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE ROLE sespan_verify_blind")
        cursor.execute("SET LOCAL ROLE sespan_verify_blind")
        with pytest.raises(mail.QueueUnreadable):
            mail.read_delivery(queued)
        cursor.execute("RESET ROLE")
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("error", "wrong", "remedy"),
    [
        (errors.OTPTooSoon("x", retry_after=42), "a moment ago", "in 42 s"),
        (errors.OTPIncorrect("x"), "not the code", "newest"),
        (errors.SespanUnavailable("no answer in time"), "no answer in time", "doctor"),
        (errors.SespanInvalidResponse("HTTP 502"), "HTTP 502", "doctor"),
        (errors.SespanMisconfigured("no right"), "no right", "doctor"),
    ],
)
def test_errors_of_the_client(error, wrong, remedy):
    found = code.explain(error)
    assert wrong in found.problem
    assert remedy in found.remedy


def test_a_service_that_is_gone_before_the_delivery(monkeypatch):
    def gone(*args):
        raise errors.SespanUnavailable("no answer in time")

    def unreadable(*args):
        raise mail.QueueUnreadable

    monkeypatch.setattr(code.TestCode, "_message_id", unreadable)
    monkeypatch.setattr(code, "get_client", lambda: SimpleNamespace(otp_status=gone))
    with pytest.raises(DiagnosisFailed, match="The service has no answer: no answer in time"):
        code.TestCode("a@example.com", 1).deliver()


def test_no_code_is_typed(monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO(""))
    for step in (settings, database, service):
        monkeypatch.setattr(step, "check", lambda: "well")
    monkeypatch.setattr(settings, "uses_mail", lambda: False)
    monkeypatch.setattr(code.TestCode, "request", lambda self: "asked")
    monkeypatch.setattr(code.TestCode, "deliver", lambda self: "sent")
    with pytest.raises(CommandError, match="waits for somebody who types"):
        call_command("sespan_verify", "--to", "a@example.com", "--code", stdout=StringIO())


def test_the_first_hop_that_fails_is_the_last(monkeypatch):
    monkeypatch.setattr(
        database, "check", lambda: (_ for _ in ()).throw(DiagnosisFailed("bad", "fix it"))
    )
    out = StringIO()
    with pytest.raises(CommandError, match="database: bad\nTo fix it: fix it"):
        call_command("sespan_verify", "--to", "a@example.com", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "WRONG"]


def test_no_address():
    with pytest.raises(CommandError, match="is not an e-mail address"):
        call_command("sespan_verify", "--to", "nobody")
