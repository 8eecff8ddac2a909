"""The recipes of docs/django-recipes.md, as they stand there: short, and they work."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.urls import path

from django_sespan import signals
from django_sespan.mail.outcomes import MailOutcome
from own_forms import OwnModelForm
from recipes import PAGE, lines, ran, recipes, run_tests, site
from registrants import CODE_URL, EMAIL, PASSWORD, form
from site_project.urls import urlpatterns as site_urls

REGISTRATION = ["own-form", "login-code", "allauth", "oscar", "oscar-reset"]


@pytest.mark.parametrize("name", REGISTRATION)
def test_a_recipe_has_three_to_ten_lines(name):
    assert 3 <= lines(recipes()[name]) <= 10


def test_every_recipe_is_run():
    """By one of the tests; which name none of them has, nobody has tried."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_recipes*.py"))
    assert {name for name in recipes() if f'"{name}"' not in tests} == set()


def test_every_block_of_python_on_the_page_is_a_recipe():
    fences = re.findall(r"(.*)\n```python", PAGE.read_text())
    assert [line for line in fences if not line.startswith("<!-- recipe: ")] == []


def run(name, **names):
    """Run a block as a module of the site would, with what the page takes for granted."""
    names["__name__"] = "recipe"
    exec(compile(recipes()[name], name, "exec"), names)
    return names


@pytest.fixture
def at_recipe(monkeypatch, settings):
    """Give a page of the site to a view of a recipe."""

    def give(view):
        urls = ModuleType("recipe_urls")
        urls.urlpatterns = [path("recipe/", transaction.non_atomic_requests(view)), *site_urls]
        monkeypatch.setitem(sys.modules, "recipe_urls", urls)
        settings.ROOT_URLCONF = "recipe_urls"

    return give


def shown(request, template, context):
    return HttpResponse(str(context["form"]))


@pytest.mark.django_db(transaction=True)
def test_a_form_of_ones_own(at_recipe, memory, client):
    at_recipe(run("own-form", SignUpForm=OwnModelForm, render=shown)["sign_up"])
    assert 'name="username"' in client.get("/recipe/").text
    assert "required" in client.post("/recipe/", {}).text
    assert client.post("/recipe/", form())["Location"] == CODE_URL
    assert client.post(CODE_URL, {"code": memory.code()})["Location"] == "/home/"
    assert User.objects.get().check_password(PASSWORD)


class AddressForm(forms.Form):
    address = forms.EmailField()


@pytest.mark.django_db(transaction=True)
def test_login_by_code(at_recipe, memory, client):
    User.objects.create_user("budi", EMAIL, PASSWORD)
    at_recipe(run("login-code", AddressForm=AddressForm, render=shown)["log_in"])
    assert 'name="address"' in client.get("/recipe/").text
    assert client.post("/recipe/", {"address": EMAIL})["Location"] == CODE_URL
    assert client.post(CODE_URL, {"code": memory.code()})["Location"] == "/home/"


def test_a_verified_column():
    class Row:
        email_verified = False

        def save(self, update_fields):
            self.saved = update_fields

    row = Row()
    run("verified-column")["ShopAdapter"]().on_verified(None, row, "registration")
    assert (row.email_verified, row.saved) == (True, ["email_verified"])


def test_a_signal_of_a_mails_end():
    tickets = []
    ticket = SimpleNamespace(
        objects=SimpleNamespace(get_or_create=lambda **values: tickets.append(values))
    )
    receiver = run("mail-signals", Ticket=ticket)["tell_support"]
    facts = {"finished_at": None, "attempts": 3, "code": 550, "reply": "no such user"}
    facts |= {"message_id": 7, "recipient": EMAIL, "state": "dead", "reason": "no-such-mailbox"}
    try:
        for category in ("invoice", "newsletter"):
            outcome = MailOutcome(category=category, **facts)
            signals.mail_dead.send(sender=None, outcome=outcome)
    finally:
        signals.mail_dead.disconnect(receiver)
    assert tickets == [{"mail": 7, "text": f"{EMAIL}: dead, no-such-mailbox"}]


def test_allauth(tmp_path):
    shop = site("allauth", tmp_path)
    with (shop / "urls.py").open("a") as urls:
        urls.write(recipes()["allauth"])
    assert ran(run_tests(shop)) >= 8
