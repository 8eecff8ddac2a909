"""A test database that does have Sespan's schema, bound to the users: `SHOP_TEMPLATE` brings it."""

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TestCase, TransactionTestCase

from django_sespan.testing import SespanTestMixin
from shop.tests.path import enter, register

BIND = """
SELECT sespan.customer_bind('auth_user'::regclass, '{"customer_id": {"column": "id"},
    "email": {"column": "email"}, "is_active": {"column": "is_active"}}');
SELECT sespan.customer_reference('auth_user'::regclass, 'id');
SELECT sespan.customer_reference_validate();
"""
RIGHT = "INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (%s, now())"


def run(sql, values=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def rights():
    return run("SELECT count(*) FROM sespan.otp_activation")[0][0]


class BoundTest(SespanTestMixin, TestCase):
    @classmethod
    def setUpTestData(cls):
        run(BIND)

    def test_the_path_ends_in_memory_all_the_same(self):
        register(self.client)
        assert enter(self.client, self.sespan.code())["Location"] == "/home/"
        assert rights() == 0

    def test_users_can_be_deleted_and_their_rows_go_with_them(self):
        user = User.objects.create_user("budi", "budi@example.com", "x")
        run(RIGHT, [user.pk])
        assert rights() == 1
        user.delete()
        assert rights() == 0


class FlushTest(SespanTestMixin, TransactionTestCase):
    """Django truncates its tables, and PostgreSQL none that another one points to."""

    def test_flush_needs_an_unbound_database(self):
        run(BIND)
        try:
            with self.assertRaises(CommandError) as caught:  # noqa: PT027
                call_command("flush", interactive=False, verbosity=0)
            assert "couldn't be flushed" in str(caught.exception)
        finally:
            run("SELECT sespan.customer_unbind()")
        User.objects.create_user("budi", "budi@example.com", "x")
        call_command("flush", interactive=False, verbosity=0)
        assert not User.objects.exists()
