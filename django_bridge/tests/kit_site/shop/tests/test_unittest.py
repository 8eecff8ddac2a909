"""`manage.py test`, also in parallel; pytest runs these, too."""

from decimal import Decimal

from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import LiveServerTestCase, TestCase, TransactionTestCase

from django_sespan import errors
from django_sespan.client import get_client
from django_sespan.testing import FakeClient, SespanTestMixin
from shop.tests.path import enter, log_in, register


class RegistrationTest(SespanTestMixin, TestCase):
    def test_from_the_form_to_the_discount(self):
        register(self.client)
        user = User.objects.get()
        assert not user.is_active
        (sent,) = self.sespan.outbox
        assert (sent.customer_id, sent.email) == (str(user.pk), user.email)
        self.assertContains(enter(self.client, self.sespan.wrong_code()), "4 tries")
        self.assertRedirects(enter(self.client, sent.code), "/home/")
        user.refresh_from_db()
        assert user.is_active
        self.sespan.win("0.25")
        assert self.client.get("/pay/A1/").content == b"150.00"
        self.sespan.lose()
        assert self.client.get("/pay/A1/").content == b"150.00"  # drawn once for ever
        assert self.client.get("/pay/A2/").content == b"200.00"
        (login,) = self.sespan.logins
        assert (login.outcome, login.customer_id) == ("success", str(user.pk))

    def test_each_test_starts_from_nothing(self):
        assert (self.sespan.outbox, self.sespan.logins) == ([], [])
        assert isinstance(get_client(), FakeClient)

    def test_the_service_fails_and_recovers(self):
        self.sespan.fail(errors.SespanUnavailable, on="otp")
        register(self.client)
        assert self.sespan.outbox == []
        self.assertContains(self.client.get("/account/code/"), "could not send")
        self.client.post("/account/code/resend/")
        self.assertRedirects(enter(self.client, self.sespan.code()), "/home/")

    def test_logins_are_seen_at_once(self):
        User.objects.create_user("tuti", "tuti@example.com", "right password")
        log_in(self.client, "tuti", "wrong")
        log_in(self.client, "tuti", "right password")
        assert [r.outcome for r in self.sespan.logins] == ["failure", "success"]

    def test_a_site_that_switches_sespan_off(self):
        with self.settings(SESPAN={"ENABLED": False}):
            register(self.client)
            log_in(self.client)
        assert (self.sespan.outbox, self.sespan.logins) == ([], [])


class WithoutTheMixinTest(TestCase):
    """A suite that does not know of Sespan passes all the same, whatever its keys are."""

    def test_once(self):
        register(self.client)

    def test_twice(self):
        register(self.client)
        assert not User.objects.get().is_active

    def test_mail_stays_in_djangos_outbox(self):
        mail.send_mail("s", "b", "a@example.com", ["b@example.com"])
        assert len(mail.outbox) == 1


class DeletionTest(SespanTestMixin, TestCase):
    def test_users_can_be_deleted(self):
        register(self.client)
        enter(self.client, self.sespan.code())
        User.objects.get().delete()
        User.objects.create_user("other", "o@example.com", "x")
        assert User.objects.all().delete() == (1, {"auth.User": 1})

    def test_by_the_admins_page(self):
        staff = User.objects.create_superuser("root", "root@example.com", "x")
        other = User.objects.create_user("other", "o@example.com", "x")
        self.client.force_login(staff)
        url = f"/admin/auth/user/{other.pk}/delete/"
        assert self.client.get(url).status_code == 200
        assert self.client.post(url, {"post": "yes"}).status_code == 302
        assert not User.objects.filter(pk=other.pk).exists()


class FlushTest(SespanTestMixin, TransactionTestCase):
    def test_flush(self):
        register(self.client)
        call_command("flush", interactive=False, verbosity=0)
        assert not User.objects.exists()

    def test_the_path_with_real_commits(self):
        register(self.client)
        self.assertRedirects(enter(self.client, self.sespan.code()), "/home/")


class LiveServerTest(SespanTestMixin, LiveServerTestCase):
    """The server's thread sees the same Sespan; a test's own client need not."""

    def test_the_path(self):
        register(self.client)
        self.assertRedirects(enter(self.client, self.sespan.code()), "/home/")


class NoSchemaTest(TestCase):
    def test_migrations_made_nothing_but_permissions(self):
        tables = connection.introspection.table_names()
        assert [name for name in tables if "sespan" in name] == []

    def test_the_rule_decides(self):
        from django_sespan.testing import current

        seen = []
        current().rule = lambda order: (
            seen.append(order) or (Decimal("0.5") if order.amount >= 100 else None)
        )
        draw = get_client().draw(customer_id=1, order_ref="R", amount=Decimal(100))
        assert (draw.discounted, draw.discounted_amount) == (True, Decimal(50))
        draw = get_client().draw(customer_id=1, order_ref="S", amount=Decimal(99))
        assert (draw.discounted, draw.discounted_amount) == (False, Decimal(99))
        assert [order.order_ref for order in seen] == ["R", "S"]
        current().reset()
