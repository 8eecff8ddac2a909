"""Apart from the others: Django cannot load its serialised data after another test's flush."""

from django.contrib.auth.models import User
from django.test import TransactionTestCase

from django_sespan.testing import SespanTestMixin
from shop.tests.path import enter, register


class SerialisedRollbackTest(SespanTestMixin, TransactionTestCase):
    serialized_rollback = True

    def test_the_path(self):
        register(self.client)
        self.assertRedirects(enter(self.client, self.sespan.code()), "/home/")

    def test_once_more(self):
        assert not User.objects.exists()
        register(self.client)
        self.assertRedirects(enter(self.client, self.sespan.code()), "/home/")
