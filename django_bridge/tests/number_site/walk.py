"""The main flows with these users; collected by name only."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.test import Client

from django_sespan import checks
from fake import CODE

pytestmark = pytest.mark.django_db
CODE_URL, REGISTER_URL = "/account/code/", "/account/register/"
PASSWORD = "correct horse 9"
FORM = {"number": "1234567", "letters": "Budi@example.com", "full_name": "Budi"}
FORM |= {"password1": PASSWORD, "password2": PASSWORD}


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def members(db, sespan):
    columns = {"customer_id": "member_no", "email": "letters", "username": "number"}
    columns["is_active"] = "is_active"
    named = json.dumps({name: {"column": column} for name, column in columns.items()})
    run("SELECT sespan.customer_bind('public.\"Shop Members\"'::regclass, %s::jsonb)", named)
    model = get_user_model()
    sespan.on_verified = lambda pk: model.objects.filter(pk=pk).update(is_active=True)
    return model._base_manager


def test_the_site_is_sound(members):
    found = [*checks.check_settings(), *checks.check_site()]
    assert [m for m in found if m.is_serious()] == []


def test_registered_here_and_confirmed_there(members, client):
    assert client.get(REGISTER_URL).status_code == 200
    assert client.post(REGISTER_URL, FORM)["Location"] == CODE_URL
    assert members.get().letters == "Budi@example.com"
    other = Client()
    login = {"username": "1234567", "password": PASSWORD}
    assert "not confirmed" in other.post("/own-login/", login).text
    assert other.get(CODE_URL).status_code == 200
    assert other.post(CODE_URL, {"code": CODE})["Location"] == "/home/"
    assert other.get("/home/").text == "hello 1234567"


def test_the_address_of_somebody_who_left(members, client):
    """The site's manager hides them, the database does not: the page says nothing of it."""
    user = get_user_model().objects.create_user("7", "Budi@example.com", "x")
    members.filter(pk=user.pk).update(left_at="2026-01-01")
    assert client.post(REGISTER_URL, FORM)["Location"] == CODE_URL
    assert client.get(CODE_URL).status_code == 200
    assert "not the code" in client.post(CODE_URL, {"code": CODE}).text
    assert members.count() == 1


def test_a_number_that_is_taken(members, client):
    get_user_model().objects.create_user("1234567", "siti@example.com", "x")
    page = client.post(REGISTER_URL, FORM)
    assert page.context["form"].has_error("number")


def test_the_pages_of_staff(members, client):
    call_command("sespan_init", "--groups-only", stdout=StringIO())
    anna = get_user_model().objects.create_user("99", "anna@example.com", "x", is_staff=True)
    anna.groups.add(Group.objects.get(name="Sespan admin"))
    client.force_login(anna)
    for name in ("apilog", "otp", "transactionlog", "transactiontier", "auditentry", "access"):
        assert client.get(f"/admin/sespan/{name}/").status_code == 200, name
    assert client.get(f"/admin/sespan/access/{anna.pk}/change/").status_code == 200
    new = {"number": "1234", "letters": "dewi@example.com", "full_name": "Dewi"}
    answer = client.post("/admin/sespan/access/add/", new | {"roles": ["report"]})
    assert answer.status_code == 302, answer.text
    assert client.get("/admin/sespan/mailmessage/").status_code == 200
