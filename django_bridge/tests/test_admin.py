"""The admin over the real tables, as staff with the database roles of the bridge."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.mail import EmailMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_sespan.admin import base
from django_sespan.mail import EmailBackend
from django_sespan.models import MailMessage, TransactionTier
from django_sespan.models.tier import TierRefused

pytestmark = pytest.mark.django_db

READ_ONLY = ["otp", "transactionlog", "apilog", "mailmessage", "mailqueue"]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("staff", "staff@example.com", "x"))
    return client


def tier(**changes):
    values = {
        "name": "Gold",
        "is_active": "on",
        "minimum_transaction": "100000",
        "maximum_transaction": "200000",
        "probability": "50",
        "discount": "10",
        "starts_at_0": "",
        "starts_at_1": "",
        "ends_at_0": "",
        "ends_at_1": "",
        "maximum_discount": "",
        "budget_amount": "",
        "budget_uses": "",
        "per_customer_uses": "",
        "per_customer_draws": "",
    }
    return values | changes


def execute(sql, values=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def fill():
    """One row in every table that staff read."""
    EmailBackend().send_messages(
        [EmailMessage("Hello <b>", "secret body", "shop@example.com", ["a@example.com"])]
    )
    execute(
        """INSERT INTO sespan.transaction_log (customer_id, order_ref, tier_id, username,
           discounted, transaction_amount, discounted_amount, transaction_time, draw_version,
           draw_epoch, client_nonce, draw_number, draw_threshold)
           VALUES (4711, 'A-17', 99, 'gone', true, 100, 90, now(), 1,
           (now() AT TIME ZONE 'UTC')::date, '', 1, 2)"""
    )
    execute(
        """INSERT INTO sespan.api_log (response_id, ip, request_type, request_header,
           response_header, status, outcome, status_details, time_requested, time_responded,
           elapsed_time, customer_id)
           VALUES (gen_random_uuid(), '203.0.113.9', 'Login', '{"a": "b"}', '{}', 201,
           'failure', 'login-failed', now(), now(), '3 ms', 4711)"""
    )


@pytest.mark.parametrize("name", [*READ_ONLY, "transactiontier"])
def test_pages_open(staff, name):
    fill()
    TransactionTier(name="Gold", probability=Decimal("0.5"), discount=Decimal("0.1")).save()
    url = f"/admin/sespan/{name}/"
    page = staff.get(url)
    assert page.status_code == 200
    assert staff.get(url, {"q": "A-17"}).status_code == 200
    row = apps.get_model("sespan", name).objects.first()
    if row is not None:
        page = staff.get(f"{url}{row.pk}/change/", follow=True)
        assert page.status_code == 200
        assert "secret body" not in page.text


def test_the_list_of_tiers_says_when_no_order_can_win(staff):
    words, url = "No tier is active", "/admin/sespan/transactiontier/"
    assert words in staff.get(url).text
    tier = TransactionTier(name="Gold", probability=Decimal("0.5"), discount=Decimal("0.1"))
    tier.save()
    assert words not in staff.get(url).text
    execute("UPDATE sespan.transaction_tier SET ends_at = now()")
    assert words in staff.get(url).text


class TestDrawsOfADay:
    """A changed cart is a new draw: a tier is bounded unless the admin says otherwise."""

    ADD = "/admin/sespan/transactiontier/add/"

    def test_the_form_says_three_and_why(self, staff):
        page = staff.get(self.ADD)
        assert page.context["adminform"].form["per_customer_draws"].value() == 3
        assert "A changed cart is a new draw" in page.text

    @pytest.mark.parametrize(("given", "stored"), [("3", 3), ("", None), ("9", 9), (None, 3)])
    def test_what_is_saved(self, staff, given, stored):
        values = tier(per_customer_draws=given)
        if given is None:
            del values["per_customer_draws"]
        assert staff.post(self.ADD, values).status_code == 302
        assert TransactionTier.objects.get().per_customer_draws == stored

    def test_a_program_that_does_not_name_it(self, db):
        TransactionTier(name="Gold", probability=Decimal("0.5"), discount=Decimal("0.1")).save()
        assert TransactionTier.objects.get().per_customer_draws == 3
        execute("SELECT sespan.tier_delete(tier_id) FROM sespan.transaction_tier")
        execute("SELECT sespan.tier_save(name => 'Sql', probability => 1, discount => 0.1)")
        assert TransactionTier.objects.get().per_customer_draws == 3


@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only(staff, name):
    fill()
    url = f"/admin/sespan/{name}/"
    assert staff.get(url + "add/").status_code == 403
    row = apps.get_model("sespan", name).objects.first()
    if row is not None:
        assert staff.post(f"{url}{row.pk}/change/", {}).status_code == 403
        assert staff.post(f"{url}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_filters_ask_no_distinct(staff):
    fill()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        staff.get("/admin/sespan/apilog/", {"outcome__exact": "failure"})
    assert not [q for q in queries if "DISTINCT" in q["sql"]]


def test_recipients_of_a_mail(staff):
    fill()
    mail = MailMessage.objects.get()
    page = staff.get(f"/admin/sespan/mailmessage/{mail.pk}/change/")
    assert "a@example.com" in page.text
    assert "It is the next to be sent." in page.text
    assert "Hello &lt;b&gt;" in page.text


def test_counts_are_estimated_when_rows_are_many(staff, monkeypatch):
    monkeypatch.setattr(base, "EXACT_UP_TO", 10)
    execute(
        """INSERT INTO sespan.api_log (response_id, request_type, request_header, response_header,
           status, outcome, status_details, time_requested, time_responded, elapsed_time)
           SELECT gen_random_uuid(), 'OTP', '{}', '{}', 200, 'success', '', now(),
           now(), '0'
           FROM generate_series(1, 500)"""
    )
    execute("ANALYZE sespan.api_log")
    with CaptureQueriesContext(connection) as queries:
        page = staff.get("/admin/sespan/apilog/")
    assert page.context["cl"].result_count >= 450
    counts = [q["sql"] for q in queries if "COUNT(*)" in q["sql"] and "api_log" in q["sql"]]
    assert counts
    assert all("LIMIT 11" in sql for sql in counts)
    rows = [q["sql"] for q in queries if 'ORDER BY "sespan"."api_log_full"' in q["sql"]]
    assert rows
    assert not [sql for sql in rows if "request_body" in sql]


class TestTiers:
    def test_add_change_delete(self, staff):
        answer = staff.post("/admin/sespan/transactiontier/add/", tier())
        assert answer.status_code == 302, answer.context["errors"]
        row = TransactionTier.objects.get()
        assert (row.name, row.probability, row.discount) == ("Gold", Decimal("0.5"), Decimal("0.1"))
        url = f"/admin/sespan/transactiontier/{row.pk}/"
        assert staff.post(url + "change/", tier(name="Silver", budget_uses="3")).status_code == 302
        row.refresh_from_db()
        assert (row.name, row.budget_uses) == ("Silver", 3)
        assert staff.post(url + "delete/", {"post": "yes"}).status_code == 302
        assert not TransactionTier.objects.exists()

    def test_delete_several(self, staff):
        for n in range(3):
            TransactionTier(name=f"T{n}", is_active=False, probability=0, discount=0).save()
        chosen = list(TransactionTier.objects.values_list("pk", flat=True))[:2]
        body = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        assert staff.post("/admin/sespan/transactiontier/", body).status_code == 302
        assert TransactionTier.objects.count() == 1

    def test_an_overlap_is_an_error_of_the_form(self, staff):
        staff.post("/admin/sespan/transactiontier/add/", tier())
        page = staff.post("/admin/sespan/transactiontier/add/", tier(name="Other"))
        assert page.status_code == 200
        assert "overlap" in page.text
        assert TransactionTier.objects.count() == 1

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"probability": "101"}, "probability"),
            ({"discount": "-10"}, "discount"),
            ({"maximum_transaction": "5"}, "maximum_transaction"),
            ({"budget_uses": "-1"}, "budget_uses"),
            ({"name": "  "}, "name"),
            ({"probability": "NaN"}, "probability"),
        ],
    )
    def test_an_invalid_value_is_an_error_of_its_field(self, staff, change, field):
        page = staff.post("/admin/sespan/transactiontier/add/", tier(**change))
        assert page.status_code == 200
        assert field in page.context["adminform"].form.errors
        assert not TransactionTier.objects.exists()

    def test_a_tier_that_went_meanwhile(self, staff, monkeypatch):
        staff.post("/admin/sespan/transactiontier/add/", tier())
        row = TransactionTier.objects.get()
        from django_sespan.admin import tier as page

        original = page.TransactionTierAdmin.save_model

        def late(self, request, obj, form, change):
            execute("SELECT sespan.tier_delete(%s)", [row.pk])
            return original(self, request, obj, form, change)

        monkeypatch.setattr(page.TransactionTierAdmin, "save_model", late)
        answer = staff.post(f"/admin/sespan/transactiontier/{row.pk}/change/", tier(), follow=True)
        assert "There is no tier" in answer.text

    def test_probabilities_stay_exact(self):
        exact = Decimal("0.123456789012345678")
        TransactionTier(name="x", probability=exact, discount=0).save()
        assert TransactionTier.objects.get().probability == exact

    def test_the_model_raises_its_own_error(self):
        with pytest.raises(TierRefused) as caught:
            TransactionTier(name="x", probability=2, discount=0).save()
        assert caught.value.field == "probability"


def test_permissions_exist_and_count(client):
    names = set(
        Permission.objects.filter(content_type__app_label="sespan").values_list(
            "codename", flat=True
        )
    )
    assert {"view_apilog", "change_transactiontier", "view_mailqueue", "view_otp"} <= names
    clerk = User.objects.create_user("clerk", "c@example.com", "x", is_staff=True)
    client.force_login(clerk)
    assert client.get("/admin/sespan/apilog/").status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_apilog"))
    assert client.get("/admin/sespan/apilog/").status_code == 200


def test_users_can_be_deleted(staff):
    fill()
    user = User.objects.create_user("budi", "budi@example.com", "x")
    execute("UPDATE sespan.transaction_log SET customer_id = %s", [user.pk])
    assert staff.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == 302
    user = User.objects.create_user("siti", "siti@example.com", "x")
    user.delete()
    assert staff.get("/admin/sespan/transactionlog/").status_code == 200


def test_no_migration_is_missing():
    from django.core.management import call_command

    call_command("makemigrations", "sespan", check=True, dry_run=True, verbosity=0)
