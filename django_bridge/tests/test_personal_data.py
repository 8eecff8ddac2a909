"""The page Personal data: an export, an erasure, and who may ask for them."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from django_sespan._internal import personal_data
from people import person
from queued_mails import execute, message_texts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups")]

PAGE = "/admin/sespan/access/data/"


@pytest.fixture
def budi(db):
    """A customer with a mail that waits and two calls in the API log."""
    user = User.objects.create_user("budi", "Budi@Example.com", "x")
    execute(
        "SELECT sespan.mail_enqueue(recipient => 'budi@example.com', subject => 'Order',"
        " body_text => 'b')"
    )
    execute(
        """INSERT INTO sespan.api_log (response_id, ip, request_type, request_header,
           response_header, status, outcome, status_details, time_requested, time_responded,
           elapsed_time, customer_id)
           SELECT gen_random_uuid(), '192.0.2.7', 'Login', '{"x": "y"}', '{}', 201, 'success', '',
           now(), now(), '1 ms', %s FROM generate_series(1, 2)""",
        [user.pk],
    )
    return user


def entries():
    return execute(
        "SELECT actor, way, action, subject_id FROM sespan.audit WHERE subject = 'customer'"
    )


def test_the_export_is_a_file_and_stands_in_the_audit(client, anna, bound, budi):
    answer = client.post(PAGE, {"customer_id": budi.pk, "action": "export"})
    whole = json.loads(b"".join(answer.streaming_content))
    assert answer["Content-Disposition"] == f'attachment; filename="customer-{budi.pk}.json"'
    assert whole["customer_id"] == budi.pk
    assert whole["customer"]["username"] == "budi"
    assert "password" not in whole["customer"]
    assert whole["addresses"] == ["Budi@example.com"]
    assert [mail["subject"] for mail in whole["mails"]] == ["Order"]
    assert len(whole["calls"]) == 2
    assert entries() == [("anna", "admin", "export", str(budi.pk))]


def test_the_erasure_asks_first(client, anna, budi):
    asked = client.post(PAGE, {"email": "BUDI@example.com", "action": "erase"})
    assert "a ban must hold" in asked.text
    assert f": customer {budi.pk}, BUDI@example.com. It cannot be undone" in asked.text
    assert f'name="customer_id" value="{budi.pk}"' in asked.text
    assert entries() == []
    sure = {"customer_id": budi.pk, "email": "", "action": "erase", "sure": "yes"}
    assert message_texts(client.post(PAGE, sure, follow=True)) == [
        "Mails that waited were cancelled: 1",
        "Mails lost their address and content: 1",
        "Rows of the API log lost customer, address, headers and bodies: 2",
    ]
    assert entries() == [("anna", "admin", "erase", str(budi.pk))]
    assert execute("SELECT DISTINCT recipient FROM sespan.mail_outcome") == [("erased",)]
    assert execute("SELECT DISTINCT ip, customer_id FROM sespan.api_log") == [(None, None)]
    assert message_texts(client.post(PAGE, sure, follow=True)) == [
        "Nothing of this person was left."
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Give a number, an address, or both."),
        ({"customer_id": 987654}, "nothing is held of one who had"),
        ({"customer_id": "9" * 40}, "less than or equal"),
        ({"email": "nobody"}, "This is no e-mail address."),
    ],
)
def test_who_is_not_known_is_said(client, anna, given, said):
    body = {"customer_id": "", "email": "", **given, "action": "erase", "sure": "yes"}
    answer = client.post(PAGE, body)
    assert said in answer.text
    assert entries() == []


def test_a_deleted_customer_is_erased_by_number(client, anna, budi):
    number = budi.pk
    budi.delete()
    body = {"customer_id": number, "email": "", "action": "erase", "sure": "yes"}
    assert message_texts(client.post(PAGE, body, follow=True)) == [
        "Rows of the API log lost customer, address, headers and bodies: 2"
    ]


def test_only_the_role_admin(client, budi):
    client.force_login(person("rani", "report", is_staff=True))
    body = {"customer_id": budi.pk, "email": "", "action": "export"}
    assert client.post(PAGE, body).status_code == 403
    assert entries() == []


def test_mails_under_way_are_counted_once(monkeypatch, rf):
    """A step of the queue that comes again meets the same ones."""
    steps = iter(
        [("queue", '{"cancelled": 2, "sending": 1}', "queue:")] * 2 + [("codes", "{}", None)]
    )
    monkeypatch.setattr(personal_data, "_step", lambda *_given: next(steps))
    done = personal_data.erase(rf.get("/"), personal_data.Subject(1))
    assert done == {"cancelled": 4, "sending": 1}
