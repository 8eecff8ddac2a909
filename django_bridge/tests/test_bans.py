"""A ban holds: what Django's signals tell of people who make customers active."""

from __future__ import annotations

import logging
import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from django_sespan import errors
from django_sespan._internal.flows.pending_code import SESSION_KEY
from django_sespan._internal.flows.register import register
from django_sespan._internal.registrations import Registrations
from django_sespan.adapter import Adapter
from django_sespan.forms import RegisterForm
from registrants import EMAIL, OTHER, PASSWORD, REGISTER_URL, form

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bound")]


def right(user):
    return Registrations().right(user)


@pytest.fixture
def waiting(client):
    """A customer who waits for the code."""
    client.post(REGISTER_URL, form())
    user = User.objects.get()
    assert right(user) == "live"
    return user


def test_a_save_that_activates_ends_the_right(waiting):
    waiting.is_active = True
    waiting.save()
    assert right(waiting) == "ended"
    waiting.is_active = False
    waiting.save()
    Client().post(REGISTER_URL, form(password=OTHER))
    waiting.refresh_from_db()
    assert (waiting.is_active, waiting.check_password(PASSWORD)) == (False, True)
    assert right(waiting) == "ended"


@pytest.mark.parametrize("fields", [None, ["first_name"], ["is_active"]])
def test_a_save_of_a_waiting_customer_changes_nothing(waiting, fields):
    waiting.first_name = "Budi"
    waiting.save(update_fields=fields)
    assert right(waiting) == "live"


def test_what_stands_in_the_object_but_not_in_the_table_does_not_count(waiting):
    waiting.is_active = True
    waiting.save(update_fields=["first_name"])
    assert right(waiting) == "live"


def test_an_activation_that_is_rolled_back(waiting):
    with transaction.atomic():
        waiting.is_active = True
        waiting.save()
        assert right(waiting) == "ended"
        transaction.set_rollback(True)
    assert right(waiting) == "live"


def test_a_login_shows_what_no_signal_told(waiting, client):
    User.objects.update(is_active=True)
    assert right(waiting) == "live", "QuerySet.update sends no signal"
    Client().force_login(User.objects.get())
    assert right(waiting) == "ended"


def test_the_admin_of_the_site(waiting, admin_client):
    url = f"/admin/auth/user/{waiting.pk}/change/"
    page = admin_client.get(url)
    fields = page.context["adminform"].form.initial
    data = {
        name: value
        for name, value in fields.items()
        if isinstance(value, str) and value and name != "password"
    }
    joined = waiting.date_joined
    data |= {"date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    assert admin_client.post(url, data | {"is_active": "on"}).status_code == 302
    waiting.refresh_from_db()
    assert (waiting.is_active, right(waiting)) == (True, "ended")


@pytest.mark.parametrize("staff", [False, True])
def test_an_account_that_waits_for_approval_stays_inactive(client, sespan, staff):
    """Registered three times with changing passwords, within 24 hours of its making."""
    before = User.objects.create_user(
        "old", EMAIL, "old password 7", is_active=False, is_staff=staff
    )
    for password in (PASSWORD, OTHER, PASSWORD, OTHER):
        for browser in (client, Client()):
            browser.post(REGISTER_URL, form(password=password))
            assert browser.session[SESSION_KEY]["registered"] is False
    after = User.objects.get()
    assert right(after) == "none"
    assert (after.username, after.password) == (before.username, before.password)
    assert not [c for c in sespan.calls if "new_customer" in c[2]]


def test_two_first_registrations_at_once():
    """One account and one right, born with it; the newer form has replaced the older one."""
    start, browsers = threading.Barrier(2), [Client(), Client()]

    def submit(browser, password):
        start.wait(10)
        try:
            assert browser.post(REGISTER_URL, form(password=password)).status_code == 302
        finally:
            connection.close()

    pairs = zip(browsers, (PASSWORD, OTHER), strict=True)
    threads = [threading.Thread(target=submit, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    user = User.objects.get()
    assert right(user) == "live"
    assert user.check_password(PASSWORD) != user.check_password(OTHER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sespan.otp_activation")
        assert cursor.fetchone() == (1,)


class Guests(Adapter):
    """Takes an account that is there already for the customer who registers."""

    def new_user(self, request, form):
        user = User.objects.get(username="guest")
        user.email, user.password = form.cleaned_data["email"], form.password_hash
        return user


class Hasty(Adapter):
    """Makes customers active at once."""

    def save_user(self, request, form, user):
        user.is_active = True
        super().save_user(request, form, user)


class Busy(Adapter):
    """Saves twice, the second time in a savepoint."""

    def save_user(self, request, form, user):
        super().save_user(request, form, user)
        with transaction.atomic():
            user.first_name = "Budi"
            user.save()


@pytest.mark.parametrize(
    ("adapter", "why"),
    [("Guests", "who is there already"), ("Hasty", "leave the customer inactive")],
)
def test_an_adapter_whose_customers_could_not_be_activated(client, settings, caplog, adapter, why):
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": f"test_bans.{adapter}"}
    guest = User.objects.create_user("guest", "guest@example.com", is_active=False)
    page = client.post(REGISTER_URL, form())
    assert page.status_code == 503
    assert why in caplog.text
    assert User.objects.get().email == guest.email
    assert right(guest) == "none"


def test_an_adapter_that_saves_twice(client, settings):
    settings.SESPAN = {**settings.SESPAN, "ADAPTER": "test_bans.Busy"}
    client.post(REGISTER_URL, form())
    assert right(User.objects.get()) == "live"


def test_a_function_of_the_site_that_registers(rf, client):
    """The flow itself raises, so that a site's own page learns it too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sespan.customer_unbind()")
    filled = RegisterForm(form())
    assert filled.is_valid()
    request = rf.post("/")
    request.session = client.session
    with pytest.raises(errors.SespanMisconfigured):
        register(request, filled)


def test_users_are_saved_where_sespan_is_not(caplog):
    """A site before its first `sespan migrate`: no line for each save."""
    user = User.objects.create_user("budi", EMAIL)
    caplog.set_level(logging.INFO)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER SCHEMA sespan RENAME TO elsewhere")
        user.save()
        transaction.set_rollback(True)
    assert not [r for r in caplog.records if r.name.endswith(".registrations")]
