"""Registration → code → logged in, against the fake service, with ATOMIC_REQUESTS on."""

from __future__ import annotations

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection

from django_sespan import signals
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan._internal.registrations import Registrations
from fake import CODE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound")]

FORM = {
    "username": "budi",
    "email": "budi@example.com",
    "password1": "correct horse 9",
    "password2": "correct horse 9",
}


@pytest.fixture(autouse=True)
def activation(sespan):
    """The service activates in the database, in its own session."""

    def activate(customer_id):
        with other_session() as other:
            other.execute("UPDATE auth_user SET is_active = true WHERE id = %s", [customer_id])

    sespan.on_verified = activate


def other_session():
    return psycopg.connect(
        **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor, "context": None},
        autocommit=True,
    )


def register(client, **changes):
    return client.post("/account/register/", {**FORM, **changes})


def test_the_whole_path(client, sespan):
    answer = register(client)
    assert (answer.status_code, answer["Location"]) == (302, "/account/code/")
    user = User.objects.get()
    assert not user.is_active
    method, path, body, headers = sespan.calls[0]
    assert (method, path) == ("POST", "/v1/otp")
    assert body == {
        "purpose": "registration",
        "customer_id": str(user.pk),
        "customer_table": "public.auth_user",
        "locale": "en",
    }
    assert headers["sespan-client-ip"] == "127.0.0.1"
    page = client.get("/account/code/")
    assert "b***@example.com" in page.text
    before = client.session.session_key
    answer = client.post("/account/code/", {"code": f"  {CODE[:3]}-{CODE[3:]} "})
    assert (answer.status_code, answer["Location"]) == (302, "/home/")
    assert client.get("/home/").text == "hello budi"
    assert client.session.session_key != before
    assert SESSION_KEY not in client.session


def test_the_service_sees_the_committed_customer(client, sespan, settings):
    seen = []

    def look(request, body):
        with other_session() as other:
            row = other.execute(
                "SELECT is_active FROM auth_user WHERE id = %s FOR UPDATE NOWAIT",
                [body["customer_id"]],
            ).fetchone()
            seen.append(row)

    sespan.on_call = look
    assert connection.settings_dict["ATOMIC_REQUESTS"] is True
    register(client)
    assert seen == [(False,)]


def test_next_is_followed_on_this_site_only(client):
    assert 'value="/cart/"' in client.get("/account/register/?next=/cart/").text
    register(client, next="/cart/")
    assert client.post("/account/code/", {"code": CODE})["Location"] == "/cart/"
    client.logout()
    register(client, username="siti", email="siti@example.com", next="https://evil.test/")
    assert client.post("/account/code/", {"code": CODE})["Location"] == "/home/"


def test_headers_of_the_pages(client):
    register(client)
    for url in ("/account/register/", "/account/code/"):
        page = client.get(url)
        assert page["Referrer-Policy"] == "no-referrer, same-origin"
        assert "no-store" in page["Cache-Control"]
        assert "<script>" not in page.text
        assert "style=" not in page.text
    assert 'inputmode="numeric"' in page.text
    assert 'autocomplete="one-time-code"' in page.text


def test_signals(client):
    seen = []

    def sent(**kwargs):
        seen.append(("sent", kwargs["customer_id"], kwargs["purpose"]))

    def verified(**kwargs):
        seen.append(("verified", kwargs["user"].username, kwargs["user"].is_active))
        raise RuntimeError("a receiver's fault is its own")

    signals.code_sent.connect(sent)
    signals.email_verified.connect(verified)
    try:
        register(client)
        assert client.post("/account/code/", {"code": CODE}).status_code == 302
    finally:
        signals.code_sent.disconnect(sent)
        signals.email_verified.disconnect(verified)
    pk = str(User.objects.get().pk)
    assert seen == [("sent", pk, "registration"), ("verified", "budi", True)]


def test_registered_twice_by_a_double_click(client, sespan):
    register(client)
    answer = register(client)
    assert answer["Location"] == "/account/code/"
    assert User.objects.count() == 1
    assert [c[2].get("customer_id") for c in sespan.calls] == [str(User.objects.get().pk)] * 2
    assert client.post("/account/code/", {"code": CODE})["Location"] == "/home/"


@pytest.mark.parametrize("email", ["budi@example.com", "Budi@EXAMPLE.com"])
def test_without_an_answer_of_the_database_no_account_is_replaced(
    client, sespan, monkeypatch, email
):
    """An inactive account of which nobody knows why: the bridge pretends, and asks for nothing."""
    monkeypatch.setattr(Registrations, "right", lambda self, user: "unknown")
    User.objects.create_user("old", "budi@example.com", "another password 1", is_active=False)
    answer = register(client, email=email)
    assert answer["Location"] == "/account/code/"
    assert User.objects.count() == 1
    assert sespan.calls == []
    page = client.get("/account/code/")
    assert "b***@example.com" in page.text.lower()
    for left in ("4 tries", "3 tries", "2 tries", "1 try left", "the last try", "Too many wrong"):
        assert left in client.post("/account/code/", {"code": CODE}).text
    assert "wait" in client.post("/account/code/resend/", follow=True).text
    assert not client.session.get("_auth_user_id")


def test_a_taken_user_name_is_an_error(client):
    User.objects.create_user("budi", "else@example.com", "another password 1")
    page = register(client)
    assert "already exists" in page.text
    assert User.objects.count() == 1


def test_a_race_for_the_user_name(client, monkeypatch):
    """The other registration commits between this form's check and its insert."""
    from django_sespan._internal.flows import register as flow

    original = flow._create

    def late(request, form):
        with other_session() as other:
            other.execute(
                "INSERT INTO auth_user (username, email, password, first_name, last_name,"
                " is_superuser, is_staff, is_active, date_joined)"
                " VALUES ('budi', 'else@example.com', '', '', '', false, false, true, now())"
            )
        return original(request, form)

    monkeypatch.setattr(flow, "_create", late)
    page = register(client)
    assert page.status_code == 200
    assert "already exists" in page.text


def test_an_open_transaction_is_refused(client, rf):
    from django.db import transaction

    from django_sespan import errors
    from django_sespan._internal.atomicity import refuse_transaction

    refuse_transaction()
    with transaction.atomic(), pytest.raises(errors.InsideTransaction):
        refuse_transaction()
    connection.set_autocommit(False)
    try:
        with pytest.raises(errors.InsideTransaction):
            refuse_transaction()
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def test_a_subclass_with_its_own_dispatch_stays_non_atomic():
    from django_sespan.views import RegisterView

    class Own(RegisterView):
        def dispatch(self, request, *args, **kwargs):
            return super().dispatch(request, *args, **kwargs)

    assert "default" in Own.as_view()._non_atomic_requests
