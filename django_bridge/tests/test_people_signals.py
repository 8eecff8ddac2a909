"""What the signals tell: the audit in the same commit, keys that end after it, the comparison."""

from __future__ import annotations

import json
import sys
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import RequestFactory

from django_sespan._internal import people
from django_sespan._internal.audit import acting
from people import group, person
from queued_mails import execute

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    call_command("sespan_init", "--groups-only", stdout=StringIO())
    people.comparing.forget()


@pytest.fixture(autouse=True)
def commit(django_capture_on_commit_callbacks):
    """Run what waits for the commit: `with commit(): …`."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def entries(*subjects):
    rows = execute(
        "SELECT action, subject, subject_id, before, after FROM sespan.audit"
        " WHERE subject = ANY (%s) AND subject_id NOT LIKE 'group Sespan%%' ORDER BY audit_id",
        [list(subjects or ("role", "user"))],
    )
    return [(*row[:3], *(json.loads(v) if v else None for v in row[3:])) for row in rows]


def group_entries():
    return execute(
        "SELECT action, subject_id FROM sespan.audit WHERE subject_id LIKE 'group %'"
        " ORDER BY audit_id OFFSET 3"
    )


def told(user):
    rows = execute("SELECT roles FROM sespan.people_role WHERE person_id = %s", [str(user.pk)])
    return rows[0][0] if rows else None


def make_key(owner, role="report"):
    number = execute("SELECT lpad((count(*) + 1)::text, 12, 'k') FROM sespan.api_key")[0][0]
    execute(
        "INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name)"
        " VALUES (%s, sha256('x'), %s, 'test', %s, %s)",
        [number, role, str(owner.pk), owner.get_username()],
    )
    return number


def is_live(key):
    return execute("SELECT revoked_at IS NULL FROM sespan.api_key WHERE key_id = %s", [key])[0][0]


class TestGroupsOfAPerson:
    def test_a_role_is_given_and_taken(self, commit):
        ani = person("ani")
        with commit():
            ani.groups.add(group("report"))
        assert told(ani) == ["report"]
        with commit():
            ani.groups.remove(group("report"))
        assert told(ani) == []
        was, becomes = {"roles": [], "username": "ani"}, {"roles": ["report"], "username": "ani"}
        assert entries() == [
            ("grant", "role", str(ani.pk), was, becomes),
            ("revoke", "role", str(ani.pk), becomes, was),
        ]

    def test_the_other_way_round(self, commit):
        ani, budi = person("ani"), person("budi")
        with commit():
            group("report").user_set.add(ani, budi)
        with commit():
            group("report").user_set.clear()
        assert [row[:3] for row in entries()] == [
            ("grant", "role", str(ani.pk)),
            ("grant", "role", str(budi.pk)),
            ("revoke", "role", str(ani.pk)),
            ("revoke", "role", str(budi.pk)),
        ]
        assert (told(ani), told(budi)) == ([], [])

    @pytest.mark.parametrize("change", ["clear", "set"])
    def test_all_groups_at_once(self, commit, change):
        ani = person("ani")
        ani.groups.add(group("report"), group("dashboard"))
        with commit():
            ani.groups.clear() if change == "clear" else ani.groups.set([])
        assert entries()[-1][0] == "revoke"
        assert told(ani) == []

    def test_a_permission_of_their_own(self, commit):
        ani = person("ani")
        own = Permission.objects.get(codename="view_reports")
        with commit():
            ani.user_permissions.add(own)
        with commit():
            own.user_set.remove(ani)
        assert [row[0] for row in entries()] == ["grant", "revoke"]

    def test_other_groups_are_none_of_its_business(self):
        other, ani = Group.objects.create(name="Customers"), person("ani")
        ani.groups.add(other)
        ani.user_permissions.add(Permission.objects.get(codename="add_user"))
        assert entries() == []

    def test_a_second_group_that_changes_nothing(self, commit):
        ani = person("ani", "report")
        ani.groups.add(group("report"))
        assert entries()[1:] == []

    def test_in_the_same_commit(self):
        ani = person("ani")
        with transaction.atomic():
            ani.groups.add(group("report"))
            assert len(entries()) == 1
            transaction.set_rollback(True)
        assert entries() == []


class TestKeys:
    @pytest.fixture
    def ani(self, commit):
        with commit():
            made = person("ani")
            made.groups.add(group("report"))
        return User.objects.get(pk=made.pk)

    def lose_the_group(self, ani):
        ani.groups.clear()

    def deactivate(self, ani):
        ani.is_active = False
        ani.save()

    def deactivate_one_field(self, ani):
        ani.is_active = False
        ani.save(update_fields=["is_active"])

    def delete(self, ani):
        ani.delete()

    def delete_by_query(self, ani):
        User.objects.filter(pk=ani.pk).delete()

    def delete_the_group(self, ani):
        group("report").delete()

    def take_the_permission_out(self, ani):
        group("report").permissions.clear()

    def take_the_permission_out_there(self, ani):
        Permission.objects.get(codename="view_reports").group_set.clear()

    def delete_the_permission(self, ani):
        Permission.objects.get(codename="view_reports").delete()

    @pytest.mark.parametrize(
        "way",
        [
            lose_the_group,
            deactivate,
            deactivate_one_field,
            delete,
            delete_by_query,
            delete_the_group,
            take_the_permission_out,
            take_the_permission_out_there,
            delete_the_permission,
        ],
    )
    def test_end_with_the_role(self, commit, ani, way):
        key, other = make_key(ani), make_key(person("budi"), "report")
        execute("INSERT INTO sespan.people_role SELECT owner_id, '{report}' FROM sespan.api_key"
                " WHERE key_id = %s", [other])  # fmt: skip
        before = len(entries() + group_entries())
        with commit():
            way(self, ani)
            assert is_live(key), "only the commit counts"
        assert not is_live(key)
        assert len(entries() + group_entries()) > before
        assert is_live(other) or way.__name__ == "delete_the_permission"

    def test_a_role_that_stays_keeps_its_keys(self, commit, ani):
        key = make_key(ani)
        with commit():
            ani.groups.add(group("dashboard"))
            ani.first_name = "Ani"
            ani.save()
        assert is_live(key)

    def test_gone_as_a_superuser(self, commit):
        with commit():
            root = User.objects.create_superuser("root", "r@example.com", "x")
        assert told(root) == ["admin", "dashboard", "report"]
        key = make_key(root, "admin")
        with commit():
            root.is_superuser = False
            root.save()
        assert not is_live(key)
        assert [row[:2] for row in entries()] == [("insert", "user"), ("update", "user")]
        assert entries()[-1][3] == {"is_superuser": True}
        assert entries()[-1][4] == {"is_superuser": False, "username": "root"}


class TestComparison:
    def test_finds_what_no_signal_saw(self, commit):
        with commit():
            ani = person("ani")
            ani.groups.add(group("report"))
        key = make_key(ani)
        User.objects.filter(pk=ani.pk).update(is_active=False)
        assert is_live(key)
        assert people.compare() == 1
        assert not is_live(key)
        assert entries()[-1][:3] == ("found", "role", str(ani.pk))
        assert people.compare() == 0

    def test_the_command(self, monkeypatch):
        ani = person("ani")
        execute("INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)",
                [ani.pk, group("dashboard").pk])  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["manage.py", "sespan_compare_people"])
        out = StringIO()
        call_command("sespan_compare_people", stdout=out)
        assert out.getvalue() == "1 found\n"
        assert told(ani) == ["dashboard"]
        ((actor, way),) = execute("SELECT actor, way FROM sespan.audit WHERE action = 'found'")
        assert actor.endswith("(manage.py sespan_compare_people)")
        assert way == "cli"
        call_command("sespan_compare_people", stdout=out)
        assert out.getvalue().endswith("nothing new\n")

    def test_the_command_without_the_schema(self):
        execute("ALTER SCHEMA sespan RENAME TO elsewhere")
        with pytest.raises(CommandError, match=r"(?s)does not exist.*To fix it"):
            call_command("sespan_compare_people")

    def test_with_a_page_when_the_last_is_old(self, django_assert_num_queries):
        people.comparing.when_due()
        assert execute("SELECT count(*) FROM sespan.people_comparison") == [(1,)]
        with django_assert_num_queries(0):
            people.comparing.when_due()
        person("ani", "report")
        people.comparing.forget()
        people.comparing.when_due()
        assert not execute("SELECT 1 FROM sespan.people_role WHERE roles = '{report}'")
        execute(
            "UPDATE sespan.people_comparison SET compared_at = now() - interval '5 minutes 1 s'"
        )
        people.comparing.forget()
        people.comparing.when_due()
        assert execute("SELECT 1 FROM sespan.people_role WHERE roles = '{report}'")

    def test_what_a_page_finds_is_not_its_visitors_doing(self, client, commit):
        """The entries are the comparison's; what the visitor then does is theirs again."""
        anna = person("anna", is_staff=True)
        anna.groups.add(group("admin"))
        ani = person("ani")
        client.force_login(anna)
        people.comparing.forget()
        execute("INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)",
                [ani.pk, group("report").pk])  # fmt: skip
        url = f"/admin/sespan/access/{ani.pk}/change/"
        with commit():
            client.post(url, {"ticked": ["report", "dashboard"], "was": "report"})
        rows = execute(
            "SELECT action, actor, actor_id, way FROM sespan.audit"
            " WHERE subject = 'role' AND subject_id = %s ORDER BY audit_id",
            [str(ani.pk)],
        )
        assert rows == [
            ("found", "comparison of people", None, "admin"),
            ("grant", "anna", str(anna.pk), "admin"),
        ]


class TestWho:
    def test_somebody_in_a_request(self, settings):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django_sespan.middleware.AuditMiddleware"]
        request = RequestFactory(REMOTE_ADDR="192.0.2.7").get("/admin/")
        request.user = User.objects.create_user("anna")
        with acting(request):
            person("ani").groups.add(group("report"))
        row = execute("SELECT actor, actor_id, way, host(address) FROM sespan.audit OFFSET 3")
        assert row == [("anna", str(request.user.pk), "admin", "192.0.2.7")]

    def test_the_middleware_names_who_changed_a_user(self, settings, client):
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django_sespan.middleware.AuditMiddleware"]
        client.force_login(User.objects.create_superuser("root", "r@example.com", "x"))
        ani = person("ani")
        own = Permission.objects.get(codename="view_reports")
        body = {"name": "Bookkeepers", "permissions": [own.pk]}
        assert client.post("/admin/auth/group/add/", body).status_code == 302
        Group.objects.get(name="Bookkeepers").user_set.add(ani)
        rows = execute(
            "SELECT actor, way, action, subject_id FROM sespan.audit WHERE subject = 'role'"
            " ORDER BY audit_id OFFSET 3"
        )
        assert rows == [
            ("root", "admin", "grant", "group Bookkeepers"),
            ("the site", "service", "grant", str(ani.pk)),
        ]


class TestNothingBreaks:
    def test_without_the_schema(self, commit, caplog):
        execute("ALTER SCHEMA sespan RENAME TO elsewhere")
        with commit():
            ani = person("ani")
            ani.groups.add(group("report"))
            ani.delete()
            group("report").delete()
        people.comparing.when_due()
        assert [r.levelname for r in caplog.records if r.levelno >= 40] == []

    def test_a_database_that_refuses(self, commit, caplog):
        execute("ALTER FUNCTION sespan.audit_people RENAME TO gone")
        execute("ALTER FUNCTION sespan.key_owner_roles RENAME TO gone_too")
        execute("CREATE FUNCTION sespan.audit_people(action text, subject text, subject_id text,"
                " before jsonb, after jsonb, detail text) RETURNS void LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE 'full'; END $$")  # fmt: skip
        with commit():
            ani = person("ani")
            ani.groups.add(group("report"))
        assert ani.groups.count() == 1
        assert "full" in caplog.text

    def test_in_the_tests_of_a_site(self, memory, django_assert_num_queries):
        execute("ALTER SCHEMA sespan RENAME TO elsewhere")
        ani = person("ani")
        with django_assert_num_queries(1):
            ani.save()

    def test_a_customer_costs_two_queries_at_most(self, django_assert_num_queries):
        """What was, and whether the right to be activated is over: that in a savepoint."""
        ani = person("ani")
        with django_assert_num_queries(2 + 3):
            ani.save()
        with django_assert_num_queries(1 + 3):
            ani.save(update_fields=["last_login"])
        with django_assert_num_queries(1):
            User(username="new").save()
