from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core import mail
from fake import CODE

import django_sespan
from accounts.models import Customer

pytestmark = pytest.mark.django_db

REGISTRATION = {
    "username": "siti",
    "email": "Siti@Example.com",
    "phone_number": "+62 812-3456-7890",
    "password1": "kopi-tubruk-88",
    "password2": "kopi-tubruk-88",
}


# Registration never closes here, and the login page is the shop's own.
NEVER_SHOWN = {"closed.html", "login.html"}


def test_every_page_of_the_bridge_is_in_the_shops_clothes():
    bridge = Path(django_sespan.__file__).parent / "templates" / "django_sespan"
    pages = {
        file.name
        for file in bridge.glob("*.html")
        if '"django_sespan/base.html"' in file.read_text()
    }
    assert {"code.html", "login_code.html"} <= pages
    shop = Path(__file__).parents[1] / "templates" / "django_sespan"
    assert {name for name in pages if not (shop / name).exists()} == NEVER_SHOWN


@pytest.mark.parametrize("path", ["register", "login", "login-code", "code/resume"])
def test_pages_before_the_code(client, path):
    page = client.get(f"/account/{path}/?next=/cart/").content.decode()
    assert '<button class="button wide">' in page
    assert 'name="next" value="/cart/"' in page


@pytest.fixture
def activate(sespan):
    """What the service does in the site's table when a code is correct."""
    sespan.on_verified = lambda pk: Customer.objects.filter(pk=pk).update(is_active=True)


@pytest.mark.django_db(transaction=True)
def test_register_verify_and_be_logged_in(client, sespan, activate):
    response = client.post("/account/register/?next=/cart/", {**REGISTRATION, "next": "/cart/"})
    assert response.url == "/account/code/"
    customer = Customer.objects.get()
    assert (customer.email, customer.is_active) == ("siti@example.com", False)
    assert customer.phone_number == REGISTRATION["phone_number"]
    page = client.get("/account/code/").content.decode()
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    wrong = client.post("/account/code/", {"code": "000000"}).content.decode()
    assert "4 tries left" in wrong
    assert client.post("/account/code/", {"code": f" {CODE[:3]}-{CODE[3:]} "}).url == "/cart/"
    assert client.get("/account/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_right_password_before_the_code(client, sespan, activate):
    client.post("/account/register/", REGISTRATION)
    client.cookies.clear()
    wrong = {"username": "siti@example.com", "password": "not-it"}
    assert "do not belong together" in client.post("/account/login/", wrong).content.decode()
    right = {"username": "SITI@example.com", "password": REGISTRATION["password1"]}
    assert client.post("/account/login/?next=/cart/", right).url == "/account/code/"
    assert "not confirmed yet" in client.get("/account/code/").content.decode()
    assert client.post("/account/code/", {"code": CODE}).url == "/cart/"


@pytest.mark.django_db(transaction=True)
def test_password_forgotten_before_the_code(client):
    client.post("/account/register/", REGISTRATION)
    Customer.objects.create_user("banned@example.com", "banned", "kopi-99-x", is_active=False)
    for address in ("siti@example.com", "banned@example.com"):
        client.post("/account/password/forgotten/", {"email": address})
    (told,) = mail.outbox
    assert told.to == ["siti@example.com"]
    assert not Customer.objects.get(email="siti@example.com").is_active


def test_the_code_page_of_another_browser(client):
    assert client.get("/account/code/").url == "/account/code/resume/"
    page = client.get("/account/code/resume/").content.decode()
    assert 'class="narrow panel form"' in page
    assert "data-sespan-keep-code" in page


def test_registration_ties_errors_to_fields(client):
    wrong = {**REGISTRATION, "email": "siti@", "phone_number": "12", "password2": "other"}
    page = client.post("/account/register/", wrong).content.decode()
    for name in ("email", "phone_number", "password2"):
        assert f'id="id_{name}_error"' in page
        assert re.search(rf'<input[^>]*aria-describedby="[^"]*id_{name}_error', page), name
    assert not Customer.objects.exists()


def test_taken_name_is_said_and_taken_address_is_not(client, customer):
    taken = {**REGISTRATION, "username": "budi"}
    assert "username is taken" in client.post("/account/register/", taken).content.decode()
    known = {**REGISTRATION, "email": "BUDI@example.com"}
    assert "already" not in client.post("/account/register/", known, follow=True).content.decode()
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("email", ["budi@example.com", " BUDI@Example.COM "])
def test_log_in_with_any_spelling(client, customer, email):
    credentials = {"username": email, "password": "kopi-tubruk-88"}
    assert client.post("/account/login/", credentials).url == "/"


def test_wrong_and_inactive_look_alike(client, customer):
    wrong = client.post("/account/login/", {"username": customer.email, "password": "no"})
    Customer.objects.update(is_active=False)
    body = {"username": customer.email, "password": "kopi-tubruk-88"}
    inactive = client.post("/account/login/", body)
    for response in (wrong, inactive):
        assert "do not belong together" in response.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_next_stays_in_the_shop(client, customer, target):
    body = {"username": customer.email, "password": "kopi-tubruk-88", "next": target}
    assert client.post("/account/login/", body).url == "/"


def test_log_out_is_a_post(shopper):
    assert shopper.get("/account/logout/").status_code == 405
    assert shopper.post("/account/logout/").url == "/"
    assert shopper.get("/account/").url.startswith("/account/login/")


def test_change_own_data_only(shopper, customer):
    body = {
        "username": "budi.s",
        "phone_number": "",
        "email": "x@example.com",
        "is_staff": "1",
        "is_superuser": "1",
    }
    assert shopper.post("/account/", body).status_code == 302
    customer.refresh_from_db()
    assert (customer.username, customer.email) == ("budi.s", "budi@example.com")
    assert not customer.is_staff
    assert not customer.is_superuser


def test_bad_profile_is_shown_again(shopper):
    response = shopper.post("/account/", {"username": "a b", "phone_number": "x"})
    assert response.status_code == 422
    assert 'id="id_phone_number_error"' in response.content.decode()


def test_forgotten_password(client, customer):
    response = client.post("/account/password/forgotten/", {"email": customer.email}, follow=True)
    assert "Look into your mailbox" in response.content.decode()
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body).group(1)
    form = client.get(link, follow=True)
    new = {"new_password1": "kopi-baru-99", "new_password2": "kopi-baru-99"}
    assert client.post(form.redirect_chain[-1][0], new).url == "/account/login/"
    customer.refresh_from_db()
    assert customer.check_password("kopi-baru-99")


def test_two_spellings_of_an_address_are_one():
    Customer.objects.create_user("a@example.com", "a", "x")
    other = Customer(email="A@example.com", username="b", password="x")
    other.clean()
    assert other.email == "a@example.com"


@pytest.mark.parametrize("number", ["0812 3456 7890", "+6281234567890", "021-555-0100"])
def test_phone_numbers(number):
    Customer(email="a@b.co", username="a", password="x", phone_number=number).full_clean()
