"""A registration in a form of the site's own, of whatever class: `registration.begin`."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from django_sespan import errors
from django_sespan._internal.flows.pending_code import SESSION_KEY
from own_forms import TAKEN
from registrants import CODE_URL, EMAIL, PASSWORD, REGISTER_URL, STATES, bare, form, prepare

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("own_forms_urls")]

PLAIN = {"nick": "budi", "mail": EMAIL, "newsletter": "on", "secret": PASSWORD}
FORMS = {
    "/plain/": PLAIN,
    "/saving/": PLAIN,
    "/model/": form(),
    "/prefixed/": {f"new-{name}": value for name, value in form().items()},
}


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


@pytest.mark.parametrize("url", FORMS)
def test_a_form_of_any_kind(client, sespan, url):
    assert client.post(url, FORMS[url])["Location"] == CODE_URL
    assert not User.objects.exists()
    assert "b***@example.com" in client.get(CODE_URL).text
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    user = User.objects.get()
    assert (user.username, user.email, user.is_active) == ("budi", EMAIL, True)
    assert user.check_password(PASSWORD)
    assert user.last_name == ("True" if url == "/plain/" else "")
    assert client.get("/home/").text == "hello budi"
    assert Client().login(username="budi", password=PASSWORD)


@pytest.mark.parametrize("url", FORMS)
def test_neither_call_nor_session_holds_the_password(client, sespan, url):
    client.post(url, FORMS[url])
    (call,) = [c for c in sespan.calls if c.path == "/v1/otp"]
    kept = json.dumps(dict(client.session)) + json.dumps(call.body)
    assert PASSWORD not in kept
    assert call.body["data"]["password"].startswith("md5$")


def test_without_a_password(client, sespan):
    client.post("/no-password/", {"username": "budi", "email": EMAIL})
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert not User.objects.get().has_usable_password()


def test_errors_are_the_forms_own(client, sespan, settings):
    common = "django.contrib.auth.password_validation.CommonPasswordValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": common}]
    page = client.post("/plain/", PLAIN | {"nick": "", "secret": "12345678"})
    assert page.status_code == 200
    assert "This field is required" in page.text
    assert "too common" in page.text
    page = client.post("/plain/", PLAIN | {"mail": "budi@spam.example"})
    assert "No mails to there." in page.text
    page = client.post("/plain/", PLAIN | {"mail": "budi"})
    assert "Enter a valid email address" in page.text
    assert sespan.calls == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("url", FORMS)
def test_nobody_learns_whether_an_address_is_known(client, sespan, url, state):
    """Not even from a form that looks for it itself."""
    other = Client()
    trail = [other.post(url, FORMS[url]), other.get(CODE_URL)]
    trail += [other.post(CODE_URL, {"code": "000000"}) for _ in range(6)]
    wanted = [(page.status_code, page.headers.get("Location"), bare(page)) for page in trail]
    sespan.reset()
    prepare(state)
    trail = [client.post(url, FORMS[url]), client.get(CODE_URL)]
    trail += [client.post(CODE_URL, {"code": "000000"}) for _ in range(6)]
    assert [(p.status_code, p.headers.get("Location"), bare(p)) for p in trail] == wanted
    if state == "verified":
        assert [notice.email for notice in sespan.notices] == [EMAIL]
    if state != "unverified":
        assert sespan.outbox == [] or state == "unknown"


def test_an_error_beside_a_known_address_does_not_tell_either(client, sespan):
    def page():
        return bare(client.post("/plain/", PLAIN | {"nick": ""}))

    unknown = page()
    prepare("verified")
    assert page() == unknown
    assert TAKEN not in unknown


def test_a_rule_that_is_of_no_account_is_shown_for_a_known_address_too(client):
    User.objects.create_user("old", "budi@spam.example", "x")
    page = client.post("/plain/", PLAIN | {"mail": "budi@spam.example"})
    assert "No mails to there." in page.text


def test_a_name_of_a_pretended_registration_is_taken(client, sespan):
    """As that of a real one is: else it would tell which address had an account."""
    prepare("verified")
    Client().post(REGISTER_URL, form("budi"))
    page = client.post("/model/", form("budi", email="else@example.com"))
    assert "already exists" in page.text


def test_an_unverified_registration_gives_way(client, sespan):
    client.post("/model/", form())
    before = prepare("unverified")
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert User.objects.get().pk != before.pk


def test_an_address_or_a_name_that_was_taken_meanwhile(client, sespan):
    client.post("/plain/", PLAIN)
    prepare("verified")
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 409
    assert "has got an account in the meantime" in page.text
    User.objects.all().delete()
    client.post("/model/", form(email="else@example.com"))
    User.objects.create_user("budi", "third@example.com", "x")
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 409
    assert "already exists" in page.text
    assert 'action="/model/"' in page.text
    assert "aA1-" not in page.text  # the password that stands in for the real one


def test_where_the_customer_goes(client, sespan):
    def goes(url, **more):
        client.logout()
        User.objects.all().delete()
        sespan.advance(61)
        client.post(url, form(**more))
        return client.post(CODE_URL, {"code": sespan.code()})["Location"]

    assert goes("/next/") == "/cart/"
    assert goes("/elsewhere/") == "/home/"
    assert goes("/model/", next="/basket/") == "/basket/"
    assert goes("/model/", next="//evil.example/") == "/home/"


@pytest.mark.parametrize("error", [errors.SespanUnavailable, errors.SespanMisconfigured])
def test_without_a_code_nothing_begins(client, sespan, error):
    with sespan.failing(error):
        page = client.post("/plain/", PLAIN)
    assert "nothing was kept" in page.text
    assert SESSION_KEY not in client.session
    assert client.post("/plain/", PLAIN)["Location"] == CODE_URL


@pytest.mark.parametrize("url", ["/file/", "/unsavable/", "/two/"])
def test_a_form_that_cannot_be_sealed_is_a_fault_of_the_site_at_once(client, url):
    with pytest.raises(ImproperlyConfigured):
        client.post(url, form(mine="a@example.com", yours="b@example.com"))


def test_a_view_within_a_transaction_is_told(client):
    with pytest.raises(errors.InsideTransaction, match="non_atomic_requests"):
        client.post("/atomic/", form())


def test_sealed_data_of_another_hand(client, sespan):
    """It names code that is imported and run: only what this site has sealed is."""
    client.post("/plain/", PLAIN)
    for found in sespan._challenges._all.values():
        found.data = found.data | {"save": "os.getcwd"}
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert "confirmed already" in page.text
    assert not User.objects.exists()
