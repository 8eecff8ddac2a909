"""Rules of the site's database answer a known address and an unknown one alike."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client

from django_sespan._internal.flows import pretended_row
from django_sespan.adapter import Adapter
from registrants import CODE_URL, REGISTER_URL, bare, form

CHECK = "ALTER TABLE auth_user ADD CONSTRAINT site_rule CHECK ({}) NOT VALID"
SMALL_LETTERS = CHECK.format("email = lower(email)")
REFUSES = """
CREATE FUNCTION public.site_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no';
END $$;
CREATE TRIGGER site_rule BEFORE INSERT ON auth_user
FOR EACH ROW EXECUTE FUNCTION public.site_rule()
"""
RULES = {
    "small letters": (SMALL_LETTERS, 503),
    "a long name": (CHECK.format("length(username) > 90"), 503),
    "a trigger": (REFUSES, 503),
    "a value that is taken": ("CREATE UNIQUE INDEX site_rule ON auth_user (last_name)", 200),
    "a short column": ("ALTER TABLE auth_user ALTER username TYPE varchar(3)", 500),
    "none for this address": (CHECK.format("length(email) < 200"), 302),
    "a unique address": ("CREATE UNIQUE INDEX site_rule ON auth_user (lower(email))", 302),
}


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def answers(name):
    """What a stranger sees who registers an address with a capital letter."""
    browser = Client(raise_request_exception=False)
    typed = form(name, f"{name.title()}@example.com")
    pages = [browser.post(REGISTER_URL, typed), browser.get(CODE_URL)]
    return [
        (p.status_code, p.get("Location"), re.sub("(?i)bima|budi", "…", bare(p))) for p in pages
    ]


def known_and_unknown(rule):
    User.objects.create_user("ana", "ana@example.com", "x")
    User.objects.create_user("old", "bima@example.com", "x", last_name="Old")
    run(rule)
    return answers("bima"), answers("budi")


@pytest.mark.parametrize(("rule", "status"), RULES.values(), ids=RULES)
def test_a_rule_refuses_both_or_none(bound, rule, status):
    known, unknown = known_and_unknown(rule)
    assert known == unknown
    assert known[0][0] == status


class SmallLetters(Adapter):
    """Writes addresses as its database wants them."""

    def save_user(self, request, form, user):
        user.email = user.email.lower()
        super().save_user(request, form, user)


def into_small_letters(instance, **_):
    instance.email = instance.email.lower()


def save(user, *args, **options):
    user.email = user.email.lower()
    AbstractBaseUser.save(user, *args, **options)


@pytest.fixture(params=["adapter", "receiver", "model"])
def site_code(request, settings, monkeypatch):
    """Code of the site's that changes a customer before the database sees it."""
    if request.param == "adapter":
        settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_pretended_rows.SmallLetters"}
    elif request.param == "model":
        monkeypatch.setattr(User, "save", save)
    else:
        pre_save.connect(into_small_letters, sender=User)
    yield
    pre_save.disconnect(into_small_letters, sender=User)


def test_what_code_of_the_site_mends_first_refuses_nobody(bound, site_code):
    known, unknown = known_and_unknown(SMALL_LETTERS)
    assert known == unknown
    assert known[0][:2] == (302, CODE_URL)


def test_the_address_that_is_tried_looks_like_the_one_typed():
    tried = pretended_row.alike("Budi.Sari-20+shop@Example.com")
    local, _at, domain = tried.partition("@")
    assert domain == "Example.com"
    assert local != "Budi.Sari-20+shop"
    assert [letter for letter in local if not letter.isalnum()] == [".", "-", "+"]
    assert [n for n, letter in enumerate(local) if letter.isupper()] == [0, 5]
    assert local[10:12].isdigit()
    assert len(local) == len("Budi.Sari-20+shop")
