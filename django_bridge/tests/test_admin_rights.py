"""Where Sespan's schema, or the right to it, is missing; and the right to activate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from django_sespan.mail import EmailBackend
from queued_mails import LIST, QUEUE, execute, log_in, message_texts, queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def login(client):
    return lambda *rights: log_in(client, *rights)


@pytest.fixture
def staff(client):
    return log_in(client, "view_mailmessage", "view_mailqueue", "manage_mail", "preview_mail")


class TestCodes:
    def test_the_right_to_activate_is_ended(self, login):
        client = login("view_otp", "revoke_activation")
        customer = User.objects.create_user("budi", "budi@example.com", "x")
        execute(
            """INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, purpose, email,
               key_id, otp_number) VALUES (%s, gen_random_uuid(), now() + interval '10 minutes',
               'registration', 'budi@example.com', 'k1', sha256('x'))""",
            [customer.pk],
        )
        ((code,),) = execute("SELECT otp_id FROM sespan.otp")
        assert "bans nobody" in client.get("/admin/sespan/otp/").text
        body = {"action": "revoke_activation", "_selected_action": code}
        page = client.post("/admin/sespan/otp/", body, follow=True)
        assert message_texts(page) == ["1 customer can no longer become active by a code."]
        assert execute("SELECT customer_id FROM sespan.otp_activation WHERE revoked_at IS NOT NULL")

    def test_without_the_right(self, login):
        client = login("view_otp")
        page = client.get("/admin/sespan/otp/").text
        assert "revoke_activation" not in page
        assert "bans nobody" not in page
        body = {"action": "revoke_activation", "_selected_action": 1}
        assert client.post("/admin/sespan/otp/", body).status_code == 403


class TestWithoutTheSchema:
    """A site's own tests run in a database that Sespan never saw."""

    @pytest.fixture(autouse=True)
    def _gone(self, db):
        execute("ALTER SCHEMA sespan RENAME TO elsewhere")

    def test_the_pages_say_so(self, staff):
        for answer in (
            staff.get(LIST),
            staff.get(QUEUE),
            staff.get(f"{LIST}1/change/"),
            staff.post(f"{LIST}1/preview/"),
            staff.post(f"{LIST}1/act/", {"action": "retry"}),
        ):
            assert answer.status_code == 503
            assert "sespan migrate up" in answer.text

    def test_the_rest_of_the_admin_works(self, client):
        client.force_login(User.objects.create_superuser("root", "r@example.com", "x"))
        assert client.get("/admin/").status_code == 200
        assert client.get("/admin/sespan/").status_code == 200


class TestRightsOfTheLogin:
    """The site's own login to the database, which is no superuser."""

    @pytest.fixture
    def login_with(self, staff):
        """Go on as a login with these of Sespan's groups, until the test ends."""
        groups = Path(__file__).parents[2] / "sql" / "roles.sql"
        execute(re.sub(r"^(BEGIN|COMMIT);$", "", groups.read_text(), flags=re.MULTILINE))
        execute("RESET ROLE")

        def become(*names):
            execute("CREATE ROLE bridge_test_site")
            execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO bridge_test_site")
            execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO bridge_test_site")
            for name in names:
                execute(f"GRANT {name} TO bridge_test_site")
            execute("SET LOCAL ROLE bridge_test_site")
            return staff

        yield become
        execute("RESET ROLE")

    def test_with_the_groups_everything_works(self, login_with):
        site = login_with("sespan_producer", "sespan_reader_detail", "sespan_admin")
        made = EmailMessage("S", "b", "shop@example.com", ["a@example.com"])
        made.attach("big.bin", bytes(100_000), "application/x-thing")
        made.sespan = {"category": "order"}
        assert EmailBackend().send_messages([made, EmailMessage("S", "b", None, ["b@b.co"])]) == 2
        number = made.sespan_id
        for address in (LIST, f"{LIST}?q=a", f"{LIST}?category=order", QUEUE):
            assert site.get(address).status_code == 200, address
        assert site.get(f"{LIST}{number}/change/").status_code == 200
        assert site.post(f"{LIST}{number}/preview/").status_code == 200
        for body in ({"scope": "all"}, {"resume": "all"}):
            assert site.post(QUEUE, body).status_code == 302
        body = {"action": "cancel", "sure": "yes"}
        assert message_texts(site.post(f"{LIST}{number}/act/", body, follow=True)) == [
            "“All mails” is paused.",
            "“All mails” is sent again.",
            "The mail to 1 recipient was cancelled.",
        ]

    @pytest.mark.parametrize("groups", [[], ["sespan_producer"], ["sespan_reader"]])
    def test_without_them_the_page_explains_it(self, login_with, groups):
        site = login_with(*groups)
        for address in (LIST, QUEUE, f"{LIST}1/change/"):
            answer = site.get(address)
            assert answer.status_code == 503, address
            assert "sespan_reader_detail" in answer.text

    def test_to_read_is_not_to_change(self, login_with):
        number = queue()
        site = login_with("sespan_producer", "sespan_reader_detail")
        assert site.get(LIST).status_code == 200
        assert site.get(f"{LIST}{number}/change/").status_code == 200
        assert site.post(f"{LIST}{number}/preview/").status_code == 503
        assert site.post(QUEUE, {"scope": "all"}).status_code == 503
