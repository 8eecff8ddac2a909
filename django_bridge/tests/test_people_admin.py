"""The pages People: who is shown, what is given and taken, what is refused, who is new."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from people import group, person
from queued_mails import execute, message_texts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups")]

PEOPLE = "/admin/sespan/access/"


def page(user):
    return f"{PEOPLE}{user.pk}/change/"


def save(client, user, *ticked, was=None):
    shown = was
    if shown is None:
        shown = client.get(page(user)).context["form"]["was"].value()
    return client.post(page(user), {"ticked": ticked, "was": shown}, follow=True)


def roles(user):
    return sorted(user.groups.values_list("name", flat=True))


def role_entries():
    return execute(
        "SELECT actor, way, host(address), action, subject, subject_id FROM sespan.audit"
        " WHERE way = 'admin' ORDER BY audit_id"
    )


class TestList:
    def test_who_has_which_role(self, client, anna):
        person("budi", "report")
        person("citra").groups.add(group("dashboard"))
        person("doni", "dashboard", is_active=False)
        User.objects.create_superuser("root", "r@example.com", "x")
        person("shopper")
        text = client.get(PEOPLE).text
        for name in ("anna", "budi", "citra", "doni", "root", "superuser: all", "deactivated"):
            assert name in text
        assert "shopper" not in text
        found = client.get(PEOPLE, {"role": "report"}).context["people"]
        assert [p.name for p in found] == ["anna", "budi", "root"]

    @pytest.mark.parametrize("term", ["BUD", "budi@ex", "Budi San"])
    def test_search(self, client, anna, term):
        person("budi", first_name="Budi Santoso")
        person("ani")
        found = client.get(PEOPLE, {"q": term, "role": "all"}).context["people"]
        assert [p.name for p in found] == ["budi"]
        assert "Nobody is like this." in client.get(PEOPLE, {"q": term}).text

    def test_pages(self, client, anna):
        User.objects.bulk_create([User(username=f"u{n:03}") for n in range(120)])
        first = client.get(PEOPLE, {"role": "all"})
        assert len(first.context["people"]) == 50
        last = client.get(f"{PEOPLE}{first.context['older']}".replace("page=1", "page=2"))
        assert len(last.context["people"]) == 21
        assert last.context["older"] is None

    @pytest.mark.parametrize("query", ["?page=-1", "?page=x", "?role=king", "?q=%00", "?q=%25"])
    def test_nonsense(self, client, anna, query):
        assert client.get(PEOPLE + query).status_code == 200

    def test_a_group_deleted_by_hand(self, client, anna):
        group("report").delete()
        group("dashboard").permissions.clear()
        text = client.get(PEOPLE).text
        assert "“Sespan report” is missing or has lost its permission" in text
        assert "“Sespan dashboard” is missing or has lost its permission" in text
        assert "sespan_init --groups-only" in text


class TestRoles:
    def test_are_given_and_taken(self, client, anna):
        budi = person("budi")
        answer = save(client, budi, "report", "dashboard")
        assert message_texts(answer) == ["budi has now: dashboard, report."]
        assert roles(budi) == ["Sespan dashboard", "Sespan report"]
        answer = save(client, budi, "dashboard", "active")
        assert roles(budi) == ["Sespan dashboard"]
        assert role_entries() == [
            ("anna", "admin", "127.0.0.1", "grant", "role", str(budi.pk)),
            ("anna", "admin", "127.0.0.1", "revoke", "role", str(budi.pk)),
        ]
        answer = save(client, budi, "active")
        assert "has no role any more" in message_texts(answer)[0]
        assert message_texts(save(client, budi)) == ["Nothing was changed."]

    def test_an_admin_may_open_the_administration(self, client, anna):
        budi = person("budi")
        save(client, budi, "admin")
        budi.refresh_from_db()
        assert budi.is_staff
        client.force_login(budi)
        assert client.get(PEOPLE).status_code == 200

    def test_two_who_change_the_same_person(self, client, anna):
        """Each changes what they changed; nobody takes back what the other gave."""
        budi = person("budi")
        save(client, budi, "report", was="active")
        save(client, budi, "dashboard", was="active")
        assert roles(budi) == ["Sespan dashboard", "Sespan report"]

    @pytest.mark.parametrize("left", [("active", "staff"), ("admin", "staff"), ("admin", "active")])
    def test_not_ones_own(self, client, anna, left):
        answer = save(client, anna, *left)
        assert "This is your own access" in answer.text
        anna.refresh_from_db()
        assert (roles(anna), anna.is_active, anna.is_staff) == (["Sespan admin"], True, True)
        assert message_texts(save(client, anna, "admin", "active", "staff", "report"))

    def test_superusers_are_the_sites(self, client, anna):
        root = User.objects.create_superuser("root", "r@example.com", "x")
        text = client.get(page(root)).text
        assert "is a superuser" in text
        assert '<form method="post" class="sespan-form"' not in text
        answer = client.post(page(root), {"ticked": [], "was": "active staff"})
        assert answer.status_code == 200
        root.refresh_from_db()
        assert root.is_active

    def test_a_person_is_deactivated_and_comes_back(self, client, anna):
        budi = person("budi", "report")
        answer = save(client, budi)
        assert message_texts(answer) == ["budi is deactivated: pages and keys end at once."]
        budi.refresh_from_db()
        assert not budi.is_active
        save(client, budi, "active")
        budi.refresh_from_db()
        assert budi.is_active
        assert [row[3:5] for row in role_entries()] == [("update", "user")] * 2

    def test_a_customer_cannot_be_deactivated_here(self, client, anna):
        customer = person("customer")
        assert "may log in" not in client.get(page(customer)).text
        save(client, customer, was="active")
        customer.refresh_from_db()
        assert customer.is_active

    def test_a_role_from_elsewhere_is_named(self, client, anna):
        own = Permission.objects.get(codename="view_reports")
        clerks = Group.objects.create(name="Clerks")
        clerks.permissions.add(own)
        budi = person("budi", "report")
        budi.groups.add(clerks)
        text = client.get(page(budi)).text
        assert "The group “Clerks” gives a role, too." in text
        assert "A permission of their own gives a role, too." in text

    def test_a_missing_group_is_no_500(self, client, anna):
        group("report").delete()
        budi = person("budi")
        assert "“Sespan report” is missing" in save(client, budi, "report").text
        assert roles(budi) == []

    @pytest.mark.parametrize("key", ["0", "999999999999999999999", "x", "1;2", "None"])
    def test_nobody(self, client, anna, key):
        assert client.get(f"{PEOPLE}{key}/change/").status_code == 404

    def test_nonsense_in_the_form(self, client, anna):
        budi = person("budi")
        assert "Select a valid choice" in save(client, budi, "king").text
        save(client, budi, was="king emperor")
        assert roles(budi) == []

    def test_the_role_was_lost_between_form_and_submit(self, client, anna):
        budi = person("budi")
        shown = client.get(page(budi)).context["form"]["was"].value()
        anna.groups.clear()
        answer = save(client, budi, "admin", was=shown)
        assert answer.status_code == 403
        assert "Ask an admin of this site" in answer.text
        assert roles(budi) == []

    def test_a_session_that_expired(self, client, anna):
        budi = person("budi")
        client.logout()
        answer = client.post(page(budi), {"ticked": ["report"], "was": ""})
        assert answer["Location"].startswith("/admin/login/?next=/admin/sespan/access/")
        assert roles(budi) == []


class TestNew:
    def test_is_created_with_roles(self, client, anna):
        body = {"username": "budi", "email": "budi@example.com", "password": "a long secret 7",
                "roles": ["admin"]}  # fmt: skip
        answer = client.post(f"{PEOPLE}add/", body, follow=True)
        assert message_texts(answer) == ["budi has now: admin, dashboard, report."]
        budi = User.objects.get(username="budi")
        assert budi.check_password("a long secret 7")
        assert (roles(budi), budi.is_staff) == (["Sespan admin"], True)
        assert "a long secret" not in str(execute("SELECT * FROM sespan.audit"))

    def test_without_a_password_nobody_knows_it(self, client, anna):
        body = {"username": "budi", "email": "budi@example.com", "roles": ["report"]}
        client.post(f"{PEOPLE}add/", body)
        budi = User.objects.get(username="budi")
        assert budi.has_usable_password(), "so that the page for forgotten passwords writes to them"
        assert not budi.check_password("")

    def test_what_is_wrong_is_said_at_the_field(self, client, anna, settings):
        settings.AUTH_PASSWORD_VALIDATORS = [
            {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
        ]
        body = {"username": "anna", "email": "no address", "password": "x"}
        errors = client.post(f"{PEOPLE}add/", body).context["form"].errors
        assert set(errors) == {"username", "email", "password", "roles"}
        assert User.objects.count() == 1

    @pytest.mark.parametrize("raised", [ValueError("no"), TypeError("phone is missing")])
    def test_a_create_user_that_wants_more(self, client, anna, monkeypatch, raised):
        def create_user(self, **values):
            raise raised

        monkeypatch.setattr("django.contrib.auth.models.UserManager.create_user", create_user)
        body = {"username": "budi", "email": "budi@example.com", "roles": ["report"]}
        answer = client.post(f"{PEOPLE}add/", body)
        assert f"create_user refused: {raised}" in answer.text


def test_nobody_else(client):
    budi = person("budi", "report", "dashboard", is_staff=True)
    client.force_login(budi)
    for address in (PEOPLE, page(budi), f"{PEOPLE}add/"):
        for answer in (client.get(address), client.post(address, {"ticked": ["admin"]})):
            assert answer.status_code == 403
            assert "role “admin”" in answer.text
    assert "/sespan/access/" not in client.get("/admin/").text
