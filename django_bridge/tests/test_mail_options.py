"""`message.sespan`: what a site says about one mail, and what it is told when it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import django
import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone

from django_sespan import errors, signals
from django_sespan.mail import EmailBackend
from mail_rows import count, row, send

pytestmark = pytest.mark.django_db


def message(given=None, **changes):
    made = EmailMessage("s", "b", "shop@example.com", ["a@example.com"], **changes)
    if given is not None:
        made.sespan = given
    return made


def test_all_of_them():
    later = timezone.now() + timedelta(hours=1)
    found = send(
        message(
            {
                "priority": 1,
                "send_at": later,
                "expires_at": later + timedelta(hours=2),
                "category": "order",
                "idempotency_key": "order-17",
                "on_unknown": "hold",
                "retain_body": True,
            }
        )
    )
    assert (found["priority"], found["category"], found["on_unknown"]) == (1, "order", "hold")
    assert (found["send_at"], found["retain_body"]) == (later, True)
    assert found["expires_at"] == later + timedelta(hours=2)


def test_none_is_not_given():
    found = send(message({"priority": None, "category": None, "send_at": None}))
    assert (found["priority"], found["category"], found["send_at"]) == (5, None, None)


def test_a_naive_time_is_in_the_time_zone_of_the_site(settings):
    settings.TIME_ZONE = "Asia/Jakarta"
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    naive = (soon + timedelta(hours=7)).replace(tzinfo=None)
    assert send(message({"send_at": naive}))["send_at"] == soon


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"priority": "1"}, r"message\.sespan\['priority'\] must be an int from 0 .*, not '1'"),
        ({"priority": True}, r"\['priority'\] must be"),
        ({"priority": 10}, r"\['priority'\] must be"),
        ({"send_at": "tomorrow"}, r"\['send_at'\] must be a datetime, not 'tomorrow'"),
        ({"send_at": datetime.now(UTC).date()}, r"\['send_at'\] must be a datetime"),
        ({"expires_at": 3600}, r"\['expires_at'\] must be a datetime"),
        ({"category": "two words"}, r"\['category'\] must be a str of 1 to 64"),
        ({"category": ""}, r"\['category'\]"),
        ({"idempotency_key": 17}, r"\['idempotency_key'\] must be a str"),
        ({"idempotency_key": "x" * 201}, r"\['idempotency_key'\] must be a str of 1 to 200"),
        ({"on_unknown": "drop"}, r"\['on_unknown'\] must be 'retry' or 'hold'"),
        ({"retain_body": 1}, r"\['retain_body'\] must be a bool"),
        ({"prority": 1}, r"message\.sespan\['prority'\] is no option; did you mean 'priority'\?"),
        ({17: 1}, r"message\.sespan\[17\] is no option; known are priority, send_at"),
        ([("priority", 1)], r"message\.sespan must be a dict"),
    ],
)
def test_a_wrong_one_is_named_and_nothing_is_queued(given, error):
    before = count()
    with pytest.raises(ValueError, match=error):
        EmailBackend().send_messages([message(given)])
    assert count() == before


def test_what_only_the_database_knows_is_named_as_well():
    past = timezone.now() - timedelta(hours=1)
    with pytest.raises(errors.MailNotQueued, match="expires_at"):
        EmailBackend().send_messages([message({"expires_at": past})])


def test_fail_silently_still_sends_the_signal():
    seen = []

    def failed(**kwargs):
        seen.append(str(kwargs["error"]))

    signals.mail_failed.connect(failed)
    try:
        wrong, right = message({"priority": "high"}), message()
        assert EmailBackend(fail_silently=True).send_messages([wrong, right]) == 1
    finally:
        signals.mail_failed.disconnect(failed)
    assert "['priority']" in seen[0]
    assert right.sespan_id
    assert not hasattr(wrong, "sespan_id")


def test_the_mail_overrides_the_backend():
    backend = EmailBackend(category="order", priority=7, on_unknown="hold", retain_body=True)
    plain, own = message(), message({"priority": 0, "category": "alarm"})
    assert backend.send_messages([plain, own]) == 2
    first, second = row(plain.sespan_id), row(own.sespan_id)
    assert (first["category"], first["priority"]) == ("order", 7)
    assert (second["category"], second["priority"]) == ("alarm", 0)
    assert first["on_unknown"] == second["on_unknown"] == "hold"
    assert first["retain_body"]


def test_a_wrong_option_of_the_backend_is_named():
    with pytest.raises(ValueError, match=r"option 'priority' of the mail backend must be"):
        EmailBackend(priority=11)


class TestIdempotency:
    def test_the_same_key_twice_is_one_mail_and_counts_both_times(self):
        before = count()
        first, second = (message({"idempotency_key": "invoice-1"}) for _ in range(2))
        assert EmailBackend().send_messages([first]) == 1
        assert EmailBackend().send_messages([second]) == 1
        assert first.sespan_id == second.sespan_id
        assert count() == before + 1

    def test_in_one_batch(self):
        mails = [message({"idempotency_key": "invoice-2"}) for _ in range(3)]
        assert EmailBackend().send_messages(mails) == 3
        assert len({m.sespan_id for m in mails}) == 1

    def test_with_another_mail_it_is_refused(self):
        EmailBackend().send_messages([message({"idempotency_key": "invoice-3"})])
        other = message({"idempotency_key": "invoice-3"})
        other.body = "another"
        with pytest.raises(errors.MailNotQueued, match="idempotency_key: was used for another"):
            EmailBackend().send_messages([other])

    def test_a_mail_that_goes_as_raw_mime_is_the_same_mail_again(self):
        def made():
            found = message({"idempotency_key": "raw-1"}, reply_to=["a@b.co", "b@b.co"])
            found.attach("a.ics", "BEGIN:VCALENDAR", "text/calendar")
            return found

        first, second = made(), made()
        assert EmailBackend().send_messages([first, second]) == 2
        assert first.sespan_id == second.sespan_id
        raw = bytes(row(first.sespan_id)["raw"])
        assert b"\r\nMessage-ID:" not in raw
        assert b"\r\nDate:" not in raw

    def test_its_own_message_id_and_date_stay(self):
        made = message(
            reply_to=["a@b.co", "b@b.co"],
            headers={"Message-ID": "<17@shop.test>", "Date": "Mon, 02 Feb 2026 10:00:00 +0000"},
        )
        raw = bytes(send(made)["raw"])
        assert b"\r\nMessage-ID: <17@shop.test>" in raw
        assert b"Date: Mon, 02 Feb 2026 10:00:00 +0000" in raw


def test_a_given_message_id_without_raw():
    found = send(message(headers={"Message-ID": "<18@shop.test>"}))
    assert found["headers"] == {"Message-ID": "<18@shop.test>"}
    assert found["raw"] is None


def test_the_database_alias_is_an_option():
    with pytest.raises(django.utils.connection.ConnectionDoesNotExist, match="elsewhere"):
        EmailBackend(database="elsewhere").send_messages([message()])
    assert EmailBackend(database="default").send_messages([message()]) == 1


def test_where_the_settings_name_none_the_routers_choose(settings):
    seen = []

    class Router:
        def db_for_write(self, model, **hints):
            seen.append((model._meta.model_name, hints["message"].subject))
            return "default"

    settings.DATABASE_ROUTERS = [Router()]
    assert EmailBackend().send_messages([message()]) == 1
    assert seen == [("mailmessage", "s")]
    seen.clear()
    assert EmailBackend(database="default").send_messages([message()]) == 1
    assert not seen


def test_the_number_is_that_of_the_row():
    made = message()
    EmailBackend().send_messages([made])
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(message_id) FROM sespan.mail_message")
        assert cursor.fetchone()[0] == made.sespan_id
