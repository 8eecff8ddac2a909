"""Users of whom the database holds what Python cannot: moments beyond `datetime`, NULL where the
model says that there is none.

Django itself answers 500 once such a user is logged in. The bridge's pages answer everybody as
they would otherwise: who is known stays hidden, and no other person's page fails.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from django_sespan._internal import accounts, people
from django_sespan.forms.reports import customer_number
from fake import CODE
from people import person
from registrants import (
    CODE_URL,
    EMAIL,
    LOGIN_URL,
    PASSWORD,
    REGISTER_URL,
    RESUME_URL,
    form,
)

MOMENTS = ["infinity", "-infinity", "0044-03-15 BC", "294276-12-31 23:59:59+00"]
pytestmark = pytest.mark.django_db


def write(user, column, value):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE auth_user SET {column} = %s WHERE id = %s", [value, user.pk])


@pytest.fixture(params=MOMENTS)
def moment(request):
    return request.param


@pytest.fixture(params=["date_joined", "last_login"])
def odd(request, moment, memory):
    user = User.objects.create_user("odd", EMAIL, PASSWORD)
    write(user, request.param, moment)
    return user


@pytest.fixture
def anna_as_superuser(client, groups):
    client.force_login(person("anna", is_staff=True, is_superuser=True))
    return client


def answers(browser):
    """What a stranger sees who tries an address and a name."""
    posts = [
        (REGISTER_URL, form("siti")),
        (RESUME_URL, {"email": EMAIL, "password": "wrong horse 1"}),
        (LOGIN_URL, {"username": "odd", "password": "wrong horse 1"}),
        ("/account/login-code/", {"email": EMAIL}),
        ("/reset/", {"email": EMAIL}),
    ]
    for url, data in posts:
        answer = browser().post(url, data)
        yield url, answer.status_code, answer.get("Location")


def test_strangers_see_what_they_see_of_anybody(odd, mailoutbox):
    seen = list(answers(Client))
    assert all(status < 400 for _url, status, _location in seen), seen
    assert mailoutbox == []  # of a reset, whose page could not read the user either
    odd.delete()
    assert list(answers(Client)) == seen


def test_who_cannot_be_read_is_not_logged_in(odd, memory, caplog):
    browser = Client()
    login = browser.post(LOGIN_URL, {"username": "odd", "password": PASSWORD})
    assert login.status_code == 200
    assert browser.post("/account/login-code/", {"email": EMAIL})["Location"] == CODE_URL
    answer = browser.post(CODE_URL, {"code": memory.code(EMAIL)}, follow=True)
    assert answer.status_code == 200
    assert "_auth_user_id" not in browser.session
    assert f"The row of customer {odd.pk} cannot be read" in caplog.text


def test_the_staff_and_the_commands_see_them(odd, bound, anna_as_superuser):
    odd.is_staff = True
    for url in (
        f"/admin/sespan/customerhelp/?q={EMAIL}",
        f"/admin/sespan/customerhelp/{odd.pk}/change/",
        "/admin/sespan/access/?role=all",
        f"/admin/sespan/access/{odd.pk}/change/",
    ):
        answer = anna_as_superuser.get(url, follow=True)
        assert answer.status_code == 200, url
        assert "odd" in answer.text, url
    group_of = Permission.objects.get(codename="view_reports")
    User.user_permissions.through.objects.create(user_id=odd.pk, permission_id=group_of.pk)
    assert people.current_roles(odd.pk) == ("report",)
    call_command("sespan_compare_people", verbosity=0)


def test_reports_find_them_by_name(odd):
    assert customer_number("odd") == str(odd.pk)


def test_an_unfinished_registration_goes_on(moment, bound, sespan):
    sespan.on_verified = lambda pk: User.objects.filter(pk=pk).update(is_active=True)
    assert Client().post(REGISTER_URL, form())["Location"] == CODE_URL
    (key,) = User.objects.values_list("pk", flat=True)
    write(User(pk=key), "date_joined", moment)
    again = Client()
    newer = form(password="another horse 8")
    assert again.post(REGISTER_URL, newer)["Location"] == CODE_URL
    assert again.post(CODE_URL, {"code": CODE}, follow=True).status_code == 200
    assert User.objects.values_list("username", "is_active").get() == ("budi", True)
    assert "_auth_user_id" not in again.session


def test_a_row_that_can_be_read_is_read_once(memory, django_assert_num_queries):
    user = User.objects.create_user("whole", EMAIL, PASSWORD)
    with django_assert_num_queries(1):
        found = accounts.with_email(EMAIL).first()
        assert (found.pk, found.date_joined, found.last_login) == (user.pk, user.date_joined, None)


@pytest.fixture
def nullable(db):
    """A site whose column takes NULL, whatever its model says."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_user ALTER is_active DROP NOT NULL")
    return User.objects.create_user("odd", EMAIL, PASSWORD)


def is_active(user):
    return User.objects.values_list("is_active", flat=True).get(pk=user.pk)


def test_null_is_not_active(nullable, memory, mailoutbox):
    write(nullable, "is_active", None)
    browser = Client()
    login = browser.post(LOGIN_URL, {"username": "odd", "password": PASSWORD})
    assert login.status_code == 200
    assert "_auth_user_id" not in browser.session
    seen = list(answers(Client))
    assert all(status < 400 for _url, status, _location in seen), seen
    assert is_active(nullable) is None
    assert mailoutbox == []
    nullable.delete()
    assert list(answers(Client)) == seen


def test_an_active_account_comes_before_one_of_null(nullable):
    second = User.objects.create_user("second", EMAIL.upper(), PASSWORD)
    write(nullable, "is_active", None)
    assert [u.pk for u in accounts.with_email(EMAIL)] == [second.pk, nullable.pk]


def test_null_is_helped_by_a_person(nullable, bound, memory, anna_as_superuser):
    write(nullable, "is_active", None)
    url = f"/admin/sespan/customerhelp/{nullable.pk}/change/"
    page = anna_as_superuser.get(url).text
    assert "The account is inactive and was never to be opened by a code" in page
    call_command("sespan_prune_unverified", "--older-than", "1h", verbosity=0)
    assert is_active(nullable) is None
    people_page = anna_as_superuser.get(f"/admin/sespan/access/{nullable.pk}/change/")
    assert people_page.status_code == 200
