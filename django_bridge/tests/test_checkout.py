"""The checkout: who gets a token, what it says, and who sets the price."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import Client as Browser

from django_sespan import checkout, errors, signals
from django_sespan._internal.tokens import SigningKey
from fake import problem
from site_project.orders import ORDERS

AMOUNTS = Path(__file__).parents[2] / "internal/transaction/testdata/amount_vectors.json"
VECTORS = json.loads(AMOUNTS.read_text(encoding="utf-8"))["amounts"]
URL = "/account/checkout-token/"


@pytest.fixture
def user(db):
    return User.objects.create_user("budi", "budi@example.com", "x")


@pytest.fixture
def order(user):
    ORDERS["A-17"] = (user.pk, Decimal("150000.00"))
    yield "A-17"
    ORDERS.clear()


@pytest.fixture
def shopper(client, user, order, signing_key):
    client.force_login(user)
    return client


def test_a_token_for_ones_own_order(shopper, user, signing_key, sespan):
    answer = shopper.post(URL, {"order_ref": "A-17"})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["url"] == "https://api.shop.test/v1/transactions"
    assert (body["order_ref"], body["transaction_amount"]) == ("A-17", "150000.00")
    public = jwt.PyJWK(signing_key.jwk).key
    claims = jwt.decode(body["token"], public, algorithms=["EdDSA"], audience="sespan")
    assert claims["sub"] == str(user.pk)
    assert (claims["order_ref"], claims["amount"]) == ("A-17", "150000.00")
    assert claims["exp"] - claims["iat"] == 360
    assert abs(claims["iat"] + 60 - time.time()) < 60
    assert claims["jti"]
    assert jwt.get_unverified_header(body["token"]) == {
        "alg": "EdDSA",
        "typ": "JWT",
        "kid": signing_key.kid,
    }
    assert {c[1] for c in sespan.calls} <= {"/v1/logins"}, "a token needs no call"


def test_json_bodies_too(shopper):
    answer = shopper.post(URL, {"order_ref": "A-17"}, content_type="application/json")
    assert answer.status_code == 200


def test_a_price_from_the_browser_changes_nothing(shopper):
    tampered = {"order_ref": "A-17", "amount": "1", "transaction_amount": "1", "customer_id": "9"}
    body = shopper.post(URL, tampered).json()
    claims = jwt.decode(body["token"], options={"verify_signature": False})
    assert (claims["amount"], body["transaction_amount"]) == ("150000.00", "150000.00")


def test_not_logged_in(client, order, signing_key):
    answer = client.post(URL, {"order_ref": "A-17"})
    assert (answer.status_code, answer["Cache-Control"]) == (401, "no-store")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:sespan:problem:unauthorized"


def test_somebody_elses_order(shopper, user):
    other = User.objects.create_user("siti", "siti@example.com", "x")
    ORDERS["B-1"] = (other.pk, Decimal("5"))
    for ref in ("B-1", "none"):
        assert shopper.post(URL, {"order_ref": ref}).status_code == 404


def generous(request, order_ref):
    """A site's ORDER that forgot whose order it is."""
    return 999_999, order_ref, Decimal("1")


def another(request, order_ref):
    return request.user.pk, "another", Decimal("1")


def floating(request, order_ref):
    return request.user.pk, order_ref, 0.1


@pytest.mark.parametrize(
    ("path", "status"), [("generous", 404), ("another", 404), ("floating", 503)]
)
def test_a_careless_order_callable(shopper, settings, path, status):
    settings.SESPAN = {**settings.SESPAN, "ORDER": f"test_checkout.{path}"}
    assert shopper.post(URL, {"order_ref": "A-17"}).status_code == status


@pytest.mark.parametrize("ref", ["", "a b", "x" * 65, "ä", "A-17\n", "<script>"])
def test_an_odd_order_ref(shopper, ref):
    answer = shopper.post(URL, {"order_ref": ref})
    assert answer.status_code == 400
    assert ref == "" or ref not in answer.text


@pytest.mark.parametrize("body", ["", "[]", "{", '{"order_ref": 7.5}', "\xff", "[" * 99_999])
def test_an_odd_json_body(shopper, body):
    assert shopper.post(URL, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("body", ['{"order_ref": 1001}', '{"order_ref": "1001"}'])
def test_an_order_whose_name_is_its_key(shopper, settings, body):
    settings.SESPAN = {**settings.SESPAN, "ORDER": "test_checkout.by_key"}
    answer = shopper.post(URL, body, content_type="application/json")
    assert answer.json()["order_ref"] == "1001"


def by_key(request, order_ref):
    return request.user.pk, int(order_ref), "90.000000"


def test_an_amount_is_what_the_service_takes():
    """One file of vectors for both: what the bridge hands on, a till does not refuse."""
    for vector in VECTORS:
        taken = vector["amount"] is not None or vector.get("bridge")
        try:
            amount = checkout.money(vector["text"])
        except ValueError:
            assert not taken, vector
        else:
            assert taken, vector
            assert format(amount, "f") == vector["form"], vector
    assert format(checkout.money(Decimal("90.000000")), "f") == "90.0000"
    assert format(checkout.money(Decimal("-0.00")), "f") == "0.00"
    with pytest.raises(ValueError, match="amount"):
        checkout.money(Decimal("1E-999999"))


def test_only_post_with_csrf(user, order, signing_key):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(URL).status_code == 405
    assert browser.post(URL, {"order_ref": "A-17"}).status_code == 403
    page = browser.get("/checkout/A-17/").text
    token = page.split('data-csrf-token="')[1].split('"')[0]
    answer = browser.post(URL, {"order_ref": "A-17"}, headers={"X-CSRFToken": token})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"SIGNING_KEY_FILE": "/none.pem"},
        {"SIGNING_KEY_FILE": None},
        {"ORDER": ""},
        {"ORDER": "no.such"},
        {"ENABLED": False},
    ],
)
def test_a_misconfigured_site_says_not_available(shopper, settings, change):
    settings.SESPAN = {**settings.SESPAN, **change}
    answer = shopper.post(URL, {"order_ref": "A-17"})
    assert answer.status_code == 503
    assert "not available" in answer.json()["detail"]


def test_a_new_key_file_is_taken_without_a_restart(shopper, settings, tmp_path):
    first = shopper.post(URL, {"order_ref": "A-17"}).json()["token"]
    path = tmp_path / "checkout.pem"
    key = SigningKey.generate()
    path.write_bytes(key.pem())
    second = shopper.post(URL, {"order_ref": "A-17"}).json()["token"]
    assert jwt.get_unverified_header(first)["kid"] != key.kid
    assert jwt.get_unverified_header(second)["kid"] == key.kid


def test_the_checkout_box(shopper):
    page = shopper.get("/checkout/A-17/").text
    assert 'data-order-ref="A-17"' in page
    assert 'data-token-url="/account/checkout-token/"' in page
    assert "data-auto" in page
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.django_db(transaction=True)
class TestPrice:
    def test_the_server_sets_it(self, sespan):
        draw = checkout.price(42, "A-17", Decimal("150000.00"), client_ip="203.0.113.9")
        assert draw.discounted_amount == Decimal("135000.00")
        assert draw.created
        again = checkout.price(42, "A-17", "150000.00")
        assert (again.discounted_amount, again.created) == (draw.discounted_amount, False)
        _, _, body, headers = sespan.calls[0]
        assert body == {
            "customer_id": "42",
            "customer_table": "public.auth_user",
            "order_ref": "A-17",
            "transaction_amount": "150000.00",
        }
        assert headers["sespan-client-ip"] == "203.0.113.9"

    def test_cancelling(self, sespan):
        row = {
            "transaction_id": 7,
            "customer_id": "42",
            "username": None,
            "order_ref": "A-17",
            "tier_id": 1,
            "tier_name": "All",
            "discounted": True,
            "capped_by": None,
            "transaction_amount": "100.00",
            "discounted_amount": "90.00",
            "discount": "10.00",
            "transaction_time": "2026-11-22T10:00:00Z",
            "cancelled_at": "2026-11-22T11:00:00Z",
        }
        sespan.answers["POST", "/v1/transactions/7/cancel"] = row
        cancelled = checkout.cancel(7, client_ip="203.0.113.9")
        assert (cancelled.order_ref, cancelled.discount) == ("A-17", Decimal("10.00"))
        assert cancelled.cancelled_at is not None
        assert sespan.calls[-1][3]["sespan-client-ip"] == "203.0.113.9"
        with transaction.atomic(), pytest.raises(errors.InsideTransaction):
            checkout.cancel(7)

    def test_cancelling_what_is_not_there(self, sespan):
        body = {"type": "urn:sespan:problem:unknown-transaction", "status": 404}
        sespan.fail.append(httpx.Response(404, json=body))
        with pytest.raises(errors.UnknownTransaction):
            checkout.cancel(8)

    def test_another_amount_for_the_same_order(self):
        checkout.price(42, "A-17", 100)
        with pytest.raises(errors.OrderConflict):
            checkout.price(42, "A-17", 1)

    def test_the_signal(self):
        seen = []

        def drawn(**kwargs):
            seen.append((kwargs["customer_id"], kwargs["order_ref"], kwargs["draw"].discounted))
            raise RuntimeError("a receiver's fault is its own")

        signals.transaction_drawn.connect(drawn)
        try:
            checkout.price(42, "A-17", 100)
        finally:
            signals.transaction_drawn.disconnect(drawn)
        assert seen == [(42, "A-17", True)]

    def test_never_in_a_transaction(self, sespan):
        with transaction.atomic(), pytest.raises(errors.InsideTransaction):
            checkout.price(42, "A-17", 100)
        assert sespan.calls == []

    @pytest.mark.parametrize("amount", [0.1, True, None, [], b"1"])
    def test_an_amount_is_exact(self, sespan, amount):
        with pytest.raises(TypeError):
            checkout.price(42, "A-17", amount)

    @pytest.mark.parametrize("amount", ["", "x", "NaN", "Infinity", "-1", Decimal("-0.01")])
    def test_an_amount_is_a_number(self, sespan, amount):
        with pytest.raises(ValueError, match="amount"):
            checkout.price(42, "A-17", amount)
        assert sespan.calls == []

    def test_large_and_small_amounts_keep_their_digits(self, sespan):
        checkout.price(1, "A", Decimal("1E+3"))
        checkout.price(1, "B", Decimal("0.0001"))
        sent = [c[2]["transaction_amount"] for c in sespan.calls]
        assert sent == ["1000", "0.0001"]

    @pytest.mark.parametrize("ref", ["", "a b", "x" * 65, None, True, -7, 7.0, "A-17\n"])
    def test_an_order_ref_is_checked(self, sespan, ref):
        with pytest.raises(ValueError, match="order_ref"):
            checkout.price(42, ref, 1)

    @pytest.mark.parametrize("ref", ["INV/2026/11/001", "no#7", 1001])
    def test_an_order_ref_of_an_invoice_or_a_key(self, sespan, ref):
        checkout.price(42, ref, 1)
        assert sespan.calls[0][2]["order_ref"] == str(ref)

    def test_down(self, sespan):
        sespan.fail = [problem(503, "unavailable", {"Retry-After": "1"})]
        with pytest.raises(errors.SespanUnavailable) as caught:
            checkout.price(42, "A-17", 100)
        assert caught.value.retry_after == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"transaction_id": "1"},
            {"discounted": 1},
            {"tier_id": "x"},
            {"discounted_amount": 5},
            {"discounted_amount": "NaN"},
            {"discounted_amount": "-1.00"},
            {"transaction_time": "now"},
        ],
    )
    def test_an_odd_result_is_no_price(self, sespan, change):
        checkout.price(42, "A-17", 100)
        sespan.draws[("42", "A-17")] |= change
        with pytest.raises(errors.SespanError):
            checkout.price(42, "A-17", 100)


def test_in_a_test_case_of_the_site(db, sespan):
    """Django's TestCase wraps every test in a transaction; that one does not count."""
    assert checkout.price(42, "A-17", 100).discounted


def test_connect_src(settings):
    assert checkout.connect_src() == "https://api.shop.test"
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": "https://shop.test/api/sespan"}
    assert checkout.connect_src() == "https://shop.test"
    settings.SESPAN = {**settings.SESPAN, "PUBLIC_URL": "/sespan"}
    assert checkout.connect_src() == "'self'"


def test_the_thumbprint_of_rfc_8037():
    """Appendix A.3's key has a known thumbprint."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(seed))
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def test_no_key(settings):
    with pytest.raises(ImproperlyConfigured):
        checkout.token(1, "A", 1)
