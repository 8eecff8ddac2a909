"""The code before the customer: nothing in the site's tables until the address is proven."""

from __future__ import annotations

import json
import re
import threading

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from django_sespan import errors, signals
from django_sespan._internal.flows import code_first
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan.forms import RegisterForm
from registrants import CODE_URL, EMAIL, OTHER, PASSWORD, RESEND_URL, RESUME_URL, form, prepare

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/code-first/"


@pytest.fixture(autouse=True)
def sespan(memory):
    return memory


class WithMore(RegisterForm):
    """A box that must be ticked, and one that only the form knows."""

    terms = forms.BooleanField()
    born = forms.DateField(widget=forms.SelectDateWidget(years=[1990]))

    class Meta(RegisterForm.Meta):
        fields = ["username", "email", "first_name"]

    def save(self, commit=True):
        user = super().save(commit=False)
        user.last_name = f"{self.cleaned_data['born']:%d %m %Y}"
        if commit:
            user.save()
        return user


class WithFile(RegisterForm):
    picture = forms.FileField(required=False)


def test_the_whole_path(client, sespan):
    seen = []

    def note(**arguments):
        seen.append((arguments.get("customer_id"), arguments.get("purpose")))

    signals.code_sent.connect(note)
    signals.email_verified.connect(note)
    try:
        assert client.post(URL, form(next="/cart/"))["Location"] == CODE_URL
        assert not User.objects.exists()
        assert "b***@example.com" in client.get(CODE_URL).text
        assert "4 tries" in client.post(CODE_URL, {"code": sespan.wrong_code()}).text
        before = client.session.session_key
        assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/cart/"
    finally:
        signals.code_sent.disconnect(note)
        signals.email_verified.disconnect(note)
    user = User.objects.get()
    assert (user.email, user.is_active, user.check_password(PASSWORD)) == (EMAIL, True, True)
    assert client.get("/home/").text == "hello budi"
    assert client.session.session_key != before
    assert seen == [(None, "registration"), (str(user.pk), "registration")]


def test_neither_the_session_nor_the_call_holds_the_password(client, sespan):
    client.post(URL, form())
    (call,) = [c for c in sespan.calls if c.path == "/v1/otp"]
    assert set(call.body) == {"purpose", "email", "data", "locale"}
    assert call.body["email"] == EMAIL
    assert set(call.body["data"]) == {"form", "fields", "password", "signature"}
    assert call.body["data"]["fields"] == {"username": ["budi"], "email": [EMAIL]}
    assert call.body["data"]["password"].startswith("md5$")
    kept = json.dumps(dict(client.session))
    assert PASSWORD not in kept + json.dumps(call.body)
    assert "md5$" not in kept
    assert '"username"' not in kept


def test_a_form_of_the_site_comes_back_whole(client, rf, sespan):
    typed = {"first_name": "Budi", "terms": "on", "born_day": "7", "born_month": "8"}
    typed |= {"born_year": "1990", "not_a_field": "x", "csrfmiddlewaretoken": "y"}
    request = rf.post("/", form(**typed))
    request.session = client.session
    bound = WithMore(request.POST)
    assert bound.is_valid(), bound.errors
    pending = code_first.begin(request, bound)
    fields = sespan.calls[-1].body["data"]["fields"]
    assert set(fields) == {"username", "email", "first_name", "terms"} | {
        "born_day",
        "born_month",
        "born_year",
    }
    code_first.finish(request, pending, sespan.calls[-1].body["data"])
    user = User.objects.get()
    assert (user.first_name, user.last_name) == ("Budi", "07 08 1990")
    assert user.check_password(PASSWORD)
    assert (pending.customer_id, pending.registered) == (str(user.pk), True)


@pytest.mark.parametrize("form_class", [WithFile, type("Nowhere", (RegisterForm,), {})])
def test_forms_that_cannot_be_sealed_are_a_fault_of_the_site(client, rf, form_class):
    request = rf.post("/", form())
    request.session = client.session
    bound = form_class(request.POST)
    assert bound.is_valid()
    with pytest.raises(ImproperlyConfigured):
        code_first.begin(request, bound)


def test_a_name_that_was_taken_meanwhile(client, sespan):
    client.post(URL, form(next="/cart/"))
    User.objects.create_user("budi", "else@example.com", "x")
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 409
    assert "somebody else took a part of this" in page.text
    assert "already exists" in page.text
    assert f'action="{URL}"' in page.text
    assert 'value="/cart/"' in page.text
    assert f'value="{EMAIL}"' in page.text
    assert PASSWORD not in page.text
    assert SESSION_KEY not in client.session
    client.post(URL, form("budi2"))
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


def test_an_address_that_was_taken_meanwhile(client, sespan):
    client.post(URL, form())
    prepare("verified")
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 409
    assert "has got an account in the meantime" in page.text
    assert User.objects.count() == 1


def test_a_race_at_the_insert(client, sespan, monkeypatch):
    client.post(URL, form())
    original = RegisterForm.is_valid

    def late(self):
        valid = original(self)
        if self.password_hash:
            User.objects.create_user("budi", "else@example.com", "x")
        return valid

    monkeypatch.setattr(RegisterForm, "is_valid", late)
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 409
    assert "already exists" in page.text


def test_a_verified_address_replaces_an_unverified_registration(client, sespan):
    client.post(URL, form())
    before = prepare("unverified")
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    user = User.objects.get()
    assert user.pk != before.pk
    assert (user.username, user.is_active) == ("budi", True)


@pytest.mark.parametrize("state", ["banned", "inactive"])
def test_a_banned_address_stays_banned(client, sespan, state):
    client.post(URL, form())
    prepare(state)
    assert client.post(CODE_URL, {"code": sespan.code()}).status_code == 409
    assert not User.objects.filter(is_active=True).exists()


def test_a_double_submit_creates_one_customer(client, sespan):
    client.post(URL, form())
    code, start, answers = sespan.code(), threading.Barrier(2), []

    def submit():
        browser = Client()
        browser.cookies["sessionid"] = client.cookies["sessionid"].value
        start.wait(10)
        try:
            answers.append(browser.post(CODE_URL, {"code": code}))
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert User.objects.count() == 1
    sent_on = [a for a in answers if a.headers.get("Location") == "/home/"]
    # A second one that begins after the first has ended has a session of before the login.
    told = [a for a in answers if "Your address is confirmed<" in a.text]
    assert sent_on
    assert len(sent_on) + len(told) == 2, [(a.headers.get("Location"), a.text) for a in answers]


def test_a_lost_answer_loses_the_form_and_says_so(client, sespan):
    """The service gives the form back once; without the answer there is nothing to create."""
    client.post(URL, form())
    challenge = client.session[SESSION_KEY]["challenge_id"]
    sespan.client.otp_verify(challenge, sespan.code())
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 200
    assert "confirmed already" in page.text
    assert f'href="{URL}"' in page.text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"form": "os.path", "fields": {}, "password": "x"},
        {"form": "no.where", "fields": {}, "password": "x"},
        {"form": "django_sespan.forms.RegisterForm", "fields": [], "password": "x"},
        {"form": "django_sespan.forms.RegisterForm", "fields": {}, "password": None},
        "x",
    ],
)
def test_sealed_data_that_is_not_ours(client, sespan, data):
    client.post(URL, form())
    for found in sespan._challenges._all.values():
        found.data = data
    page = client.post(CODE_URL, {"code": sespan.code()})
    assert page.status_code == 200
    assert "confirmed already" in page.text
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (errors.SespanUnavailable, 503, "nothing was kept"),
        (errors.SespanMisconfigured, 503, "nothing was kept"),
        (errors.SespanRefused, 200, "nothing was kept"),
        (errors.OTPTooSoon("", retry_after=42), 200, "wait 42 seconds"),
    ],
)
def test_without_a_code_nothing_begins(client, sespan, error, status, words):
    with sespan.failing(error):
        page = client.post(URL, form())
    assert page.status_code == status
    assert words in page.text
    assert f'value="{EMAIL}"' in page.text
    assert SESSION_KEY not in client.session
    assert client.get(CODE_URL)["Location"] == RESUME_URL
    assert client.post(URL, form())["Location"] == CODE_URL


def test_resend_and_what_comes_after_a_lock(client, sespan):
    client.post(URL, form())
    sespan.advance(61)
    assert "A new code is on its way" in client.post(RESEND_URL, follow=True).text
    assert len(sespan.outbox) == 2
    for _ in range(5):
        client.post(CODE_URL, {"code": sespan.wrong_code()})
    sespan.advance(61)
    assert "register again" in client.post(RESEND_URL, follow=True).text


def test_a_double_click_on_register_and_the_back_button(client, sespan):
    client.get(URL)
    for _ in range(2):
        assert client.post(URL, form())["Location"] == CODE_URL
    assert len(sespan.outbox) == 1
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert User.objects.get().check_password(PASSWORD)
    assert code_first.SALT_KEY not in client.session


class Bcryptic:
    def salt(self):
        return b"$2b$12$"


def test_a_hasher_whose_salt_is_no_text(client, sespan, monkeypatch):
    monkeypatch.setattr(code_first, "get_hasher", Bcryptic)
    client.post(URL, form())
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"


def test_other_data_never_gets_an_older_code(client, sespan):
    client.post(URL, form())
    other = Client()
    page = other.post(URL, form("evil", password=OTHER))
    assert re.search(r"wait \d+ seconds", page.text)
    assert SESSION_KEY not in other.session
    assert client.post(CODE_URL, {"code": sespan.code()})["Location"] == "/home/"
    assert User.objects.get().check_password(PASSWORD)
