"""The client: what is sent, what is believed, what is raised, what is tried again."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from django_sespan import errors
from django_sespan._internal.transport import Transport
from fake import CODE, problem

CHALLENGE = "0197f3c2-0000-7000-8000-000000000001"


@pytest.fixture
def client(runtime):
    return runtime.client


def test_headers(client, sespan, settings):
    client.otp_create(purpose="login", email="a@example.com", client_ip="2001:db8::7")
    _, _, body, headers = sespan.calls[0]
    assert headers["authorization"] == f"Bearer {settings.SESPAN['KEY']}"
    assert headers["sespan-client-ip"] == "2001:db8::7"
    assert headers["content-type"] == "application/json"
    body.pop("customer_table", None)  # known once a test has had a database
    assert body == {"purpose": "login", "email": "a@example.com"}


def test_a_challenge_is_typed(client):
    challenge = client.otp_create(purpose="registration", customer_id=42)
    assert challenge.resend_after < challenge.valid_until
    assert challenge.email == "b***@example.com"
    answer = client.otp_verify(challenge.challenge_id, CODE)
    assert answer.customer_id == "42"
    assert client.otp_status(challenge.challenge_id).status == "verified"


@pytest.mark.parametrize(
    ("status", "slug", "error"),
    [
        (422, "otp-incorrect", errors.OTPIncorrect),
        (410, "otp-expired", errors.OTPExpired),
        (409, "otp-used", errors.OTPUsed),
        (429, "otp-locked", errors.OTPLocked),
        (429, "otp-too-soon", errors.OTPTooSoon),
        (403, "activation-refused", errors.ActivationRefused),
        (404, "unknown-challenge", errors.UnknownChallenge),
        (404, "unknown-customer", errors.UnknownCustomer),
        (409, "order-conflict", errors.OrderConflict),
        (403, "token-mismatch", errors.TokenMismatch),
        (401, "unauthorized", errors.SespanMisconfigured),
        (403, "forbidden", errors.SespanMisconfigured),
        (503, "unavailable", errors.SespanUnavailable),
        (504, "timeout", errors.SespanUnavailable),
        (429, "too-many-requests", errors.SespanUnavailable),
        (500, "internal", errors.SespanUnavailable),
        (422, "invalid", errors.SespanRefused),
        (409, "one-of-next-year", errors.SespanRefused),
    ],
)
def test_each_problem_is_its_error(client, sespan, status, slug, error):
    sespan.fail = [problem(status, slug, {"Retry-After": "17"}, attempts_left=3)]
    with pytest.raises(error) as caught:
        client.otp_verify(CHALLENGE, "000000")
    assert type(caught.value) is error
    assert caught.value.slug == slug
    assert caught.value.status == status
    assert caught.value.retry_after == 17
    assert caught.value.response_id
    if error is errors.OTPIncorrect:
        assert caught.value.attempts_left == 3


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "²", "9" * 18, "9" * 5000]
)
def test_an_odd_retry_after(client, sespan, value):
    sespan.fail = [problem(429, "otp-too-soon", {"Retry-After": value.encode()})]
    with pytest.raises(errors.OTPTooSoon) as caught:
        client.otp_resend(CHALLENGE)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>a proxy's page</html>"),
        httpx.Response(200, content=b"\xff\xfe", headers={"Content-Type": "application/json"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"status": "verified", "verified_at": "yesterday"}),
        httpx.Response(200, json={"status": "verified", "verified_at": "2026-01-01T00:00:00"}),
        httpx.Response(200, json={"status": "pending"}),
        httpx.Response(404, json={"type": "about:blank"}),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(301, headers={"Location": "https://elsewhere.test/"}),
        httpx.Response(200, content=b" " * (2 << 20), headers={"Content-Type": "application/json"}),
        httpx.Response(200, content=b"x", headers={"Content-Encoding": "gzip"}),
        httpx.Response(200, content=b"[" * 500_000, headers={"Content-Type": "application/json"}),
        httpx.Response(
            200, content=b'{"a":' * 99_999, headers={"Content-Type": "application/json"}
        ),
        httpx.Response(200, json={"status": "verified", "verified_at": "0001-01-01T00:00:00Z"}),
    ],
)
def test_garbage_is_unavailable(client, sespan, answer):
    sespan.fail = [answer]
    with pytest.raises(errors.SespanUnavailable):
        client.otp_verify(CHALLENGE, "000000")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("name", ["valid_until", "resend_after"])
def test_a_time_that_no_page_can_show(client, sespan, name, time):
    good = {"challenge_id": CHALLENGE, "email": "a***@example.com"}
    times = {"valid_until": "2026-01-01T00:10:00Z", "resend_after": "2026-01-01T00:01:00Z"}
    sespan.fail = [httpx.Response(202, json=good | times | {name: time})]
    with pytest.raises(errors.SespanInvalidResponse):
        client.otp_create(purpose="login", email="a@example.com")


def test_half_a_character_is_garbage(client, sespan):
    """It would fail in the page, or in the database, long after the call."""
    answer = b'{"challenge_id": "x", "email": "\\ud800", "valid_until": 1, "resend_after": 1}'
    json = {"Content-Type": "application/json"}
    sespan.fail = [httpx.Response(202, content=answer, headers=json)]
    with pytest.raises(errors.SespanInvalidResponse, match="without a problem"):
        client.otp_create(purpose="login", email="a@example.com")


@pytest.mark.parametrize("amount", ["1E+999999999", "-1", "NaN", "x", ""])
def test_an_amount_that_no_page_can_show(client, sespan, amount):
    good = {"transaction_id": 1, "tier_id": None, "discounted": False}
    amounts = {"transaction_amount": "1.00", "discounted_amount": amount}
    time = {"transaction_time": "2026-01-01T00:00:00Z"}
    sespan.fail = [httpx.Response(201, json=good | amounts | time)]
    with pytest.raises(errors.SespanInvalidResponse):
        client.draw(customer_id=1, order_ref="A", amount=Decimal(1))


BROKEN = [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.RemoteProtocolError("x")]


@pytest.mark.parametrize("error", BROKEN)
def test_an_idempotent_call_is_tried_once_more(client, sespan, error):
    sespan.fail = [error]
    draw = client.draw(customer_id=1, order_ref="A-1", amount=Decimal("10"))
    assert draw.discounted_amount == Decimal("9.00")
    assert len(sespan.calls) == 2
    sespan.fail = [error, error]
    with pytest.raises(errors.SespanUnavailable):
        client.draw(customer_id=1, order_ref="A-1", amount=Decimal("10"))
    assert len(sespan.calls) == 4


@pytest.mark.parametrize("error", [*BROKEN, httpx.ReadTimeout("x"), httpx.ConnectTimeout("x")])
@pytest.mark.parametrize("call", ["verify", "resend", "login"])
def test_others_are_not_tried_again(client, sespan, error, call):
    sespan.fail = [error]
    calls = {
        "verify": lambda: client.otp_verify(CHALLENGE, "000000"),
        "resend": lambda: client.otp_resend(CHALLENGE),
        "login": lambda: client.login({"username": "x", "outcome": "success"}),
    }
    with pytest.raises(errors.SespanUnavailable):
        calls[call]()
    assert len(sespan.calls) == 1


def test_a_timeout_is_not_tried_again(client, sespan):
    sespan.fail = [httpx.ReadTimeout("x")]
    with pytest.raises(errors.SespanUnavailable):
        client.otp_create(purpose="login", email="a@example.com")
    assert len(sespan.calls) == 1


@pytest.mark.parametrize("challenge", ["", "../../v1/tiers", "x" * 36, "1", None])
def test_a_challenge_is_never_a_path(client, sespan, challenge):
    with pytest.raises(errors.UnknownChallenge):
        client.otp_verify(challenge, "123456")
    assert sespan.calls == []


def test_the_key_stays_out_of_what_is_printed(settings):
    from django_sespan.conf import get_settings

    assert "sk_" not in repr(get_settings())


@pytest.mark.parametrize("url", ["", "http://[", "http://host:99999999"])
def test_an_unusable_url_is_a_sespan_error(settings, url, runtime, monkeypatch):
    monkeypatch.setattr("django_sespan.client.Transport", Transport)
    settings.SESPAN = {**settings.SESPAN, "URL": url}
    with pytest.raises(errors.SespanError):
        runtime.client.otp_status(CHALLENGE)


def test_a_trickling_answer_is_cut():
    """Each read comes in time, their sum does not."""
    stop = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            while not stop.wait(0.05):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Trickle)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    wire = Transport(f"http://127.0.0.1:{server.server_port}", "k", timeout=0.4)
    started = time.monotonic()
    try:
        with pytest.raises(errors.SespanUnavailable, match="in time"):
            wire.call("GET", "/v1/otp/x")
        assert time.monotonic() - started < 10
    finally:
        stop.set()
        wire.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_without_receivers():
    wire = Transport("http://127.0.0.1:1", "k", timeout=0.5)
    with pytest.raises(errors.SespanUnavailable):
        wire.call("GET", "/v1/otp/x", idempotent=True)
    wire.close()
