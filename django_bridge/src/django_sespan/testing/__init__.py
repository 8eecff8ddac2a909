"""Sespan for the tests of a site: in memory, with no server, no schema and no network.

In a test run (`manage.py test`, pytest-django) every call of the bridge ends here by
itself; `SESPAN["FAKE"] = False` leaves the real client in place.

    class RegistrationTest(SespanTestMixin, TestCase):
        def test_it(self):
            self.client.post("/account/register/", FORM)
            self.client.post("/account/code/", {"code": self.sespan.outbox[-1].code})

With pytest the fixture `sespan` is the same object; both start each test afresh.
`override(client=…)` puts a client of the test's own in the place of both.
"""

from django_sespan._internal.runtime import override
from django_sespan.testing.challenges import CodeSent, NoticeSent
from django_sespan.testing.client import FakeClient
from django_sespan.testing.draws import Order, Rule
from django_sespan.testing.in_memory import active, current
from django_sespan.testing.mixin import SespanTestMixin
from django_sespan.testing.registrations import FakeRegistrations
from django_sespan.testing.service import Call, LoginReported, SespanTesting
from django_sespan.testing.transactions import Sale

__all__ = [
    "Call",
    "CodeSent",
    "FakeClient",
    "FakeRegistrations",
    "LoginReported",
    "NoticeSent",
    "Order",
    "Rule",
    "Sale",
    "SespanTestMixin",
    "SespanTesting",
    "active",
    "current",
    "override",
]
