"""The audit in the admin: what it shows, who sees it, and what the other pages put into it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from django_sespan.models import TransactionTier
from people import person
from queued_mails import LIST, execute, queue
from test_admin import fill, tier

pytestmark = pytest.mark.django_db

AUDIT = "/admin/sespan/auditentry/"
TIERS = "/admin/sespan/transactiontier/"


def entries(*columns, where="true"):
    return execute(f"SELECT {', '.join(columns)} FROM sespan.audit WHERE {where} ORDER BY audit_id")


NUL = ["apilog/%00/change/", "transactionlog/%00/change/", "otp/%00/change/"]
NUL += ["auditentry/%00/change/", "auditentry/?subject=%00", "apilog/?q=%00", "%00"]
NUL += ["transactiontier/%00/change/", "transactiontier/?q=%00", "otp/?status=%00"]
NUL += ["mailmessage/?q=%00", "mailqueue/?q=%00", "mailmessage/%00/change/", "access/?q=%00"]


@pytest.mark.parametrize("path", NUL)
def test_a_nul_in_an_address_is_no_failure(client, anna, path):
    assert client.get(f"/admin/sespan/{path}").status_code < 500


class TestPages:
    def test_who_changed_what(self, client, anna):
        client.post(f"{TIERS}add/", tier())
        row = TransactionTier.objects.get()
        client.post(f"{TIERS}{row.pk}/change/", tier(probability="40", name="Gold <b>"))
        text = client.get(AUDIT).text
        assert "anna" in text
        assert "probability: 50\xa0%" in text
        assert "name: Gold → Gold &lt;b&gt;" in text
        found = client.get(f"{AUDIT}?subject=tier&action=update").context["cl"].result_list
        assert len(found) == 1
        shown = client.get(f"{AUDIT}{found[0].pk}/change/").text
        assert "<del>Gold</del>" in shown
        assert "<ins>Gold &lt;b&gt;</ins>" in shown
        assert "127.0.0.1" in shown

    @pytest.mark.parametrize(
        ("query", "number"),
        [
            ("q=anna", 1),
            ("actor=anna", 1),
            ("actor=budi", 0),
            ("q=127.0.0.1", 1),
            ("q=an", 0),
            ("way=admin&subject=tier&action=insert", 1),
            ("way=cli", 0),
            ("way=king", 0),
        ],
    )
    def test_filters(self, client, anna, query, number):
        client.post(f"{TIERS}add/", tier())
        answer = client.get(f"{AUDIT}?{query}&subject__exact=tier", follow=True)
        assert len(answer.context["cl"].result_list) == number

    def test_nobody_changes_anything(self, client, anna):
        client.post(f"{TIERS}add/", tier())
        ((number,),) = entries("audit_id", where="subject = 'tier'")
        for page in ("change", "delete"):
            answer = client.post(f"{AUDIT}{number}/{page}/", {"actor": "x", "post": "yes"})
            assert answer.status_code == 403
        assert client.get(f"{AUDIT}add/").status_code == 403

    def test_only_the_role_admin(self, client):
        budi = person("budi", "report", "dashboard", is_staff=True)
        client.force_login(budi)
        answer = client.get(AUDIT)
        assert answer.status_code == 403
        assert "role “admin”" in answer.text
        assert client.get(f"{AUDIT}1/change/").status_code == 403


class TestEntries:
    def test_a_tier_by_its_page(self, client, anna):
        client.post(f"{TIERS}add/", tier())
        row = TransactionTier.objects.get()
        client.post(f"{TIERS}{row.pk}/change/", tier(name="Silver"))
        client.post(f"{TIERS}{row.pk}/delete/", {"post": "yes"})
        found = entries(
            "actor", "actor_id", "way", "host(address)", "action", where="subject = 'tier'"
        )
        assert [row[4] for row in found] == ["insert", "update", "delete"]
        assert {row[:4] for row in found} == {("anna", str(anna.pk), "admin", "127.0.0.1")}

    def test_mails(self, client, anna):
        number = queue()
        client.post(f"{LIST}{number}/preview/")
        client.post(f"{LIST}{number}/act/", {"action": "cancel", "sure": "yes"})
        found = entries("actor", "way", "action", where="subject = 'mail' AND action <> 'read'")
        assert found == [("anna", "admin", "preview"), ("anna", "admin", "cancel")]

    @pytest.mark.parametrize(
        ("model", "subject"),
        [
            ("apilog", "api_log"),
            ("transactionlog", "transaction"),
            ("mailmessage", "mail"),
        ],
    )
    def test_reads_of_personal_data(self, client, anna, model, subject):
        fill()
        address = f"/admin/sespan/{model}/"
        assert client.get(address).status_code == 200
        ((number,),) = execute(
            {
                "apilog": "SELECT log_id FROM sespan.api_log_full",
                "transactionlog": "SELECT transaction_id FROM sespan.transaction_log",
                "mailmessage": "SELECT message_id FROM sespan.mail_message",
            }[model]
        )
        assert client.get(f"{address}{number}/change/").status_code == 200
        found = entries("actor", "action", "subject", "subject_id", where="action = 'read'")
        assert found == [
            ("anna", "read", subject, None),
            ("anna", "read", subject, str(number)),
        ]

    def test_no_entry_no_answer(self, client, anna):
        execute("DROP FUNCTION sespan.audit_people")
        assert client.get("/admin/sespan/apilog/").status_code == 503


class TestTwoWhoSaveTheSameTier:
    @pytest.fixture
    def opened(self, client, anna):
        """The page as it stood before the other one saved."""
        client.post(f"{TIERS}add/", tier())
        self.row = TransactionTier.objects.get()
        self.url = f"{TIERS}{self.row.pk}/change/"
        seen = client.get(self.url).context["adminform"].form["seen"].value()
        execute(
            "UPDATE sespan.transaction_tier SET probability = 0.25, name = 'Theirs',"
            " updated_at = now() + interval '1 s'"
        )
        return seen

    def test_the_second_is_shown_what_the_first_saved(self, client, opened):
        answer = client.post(self.url, tier(probability="40", seen=opened))
        assert answer.status_code == 200
        assert "saved this tier while you had it open" in answer.text
        assert "probability: 25\xa0% is stored, you have 40\xa0%." in answer.text
        assert "name: Theirs is stored, you have Gold." in answer.text
        assert TransactionTier.objects.get().name == "Theirs"
        again = answer.context["adminform"].form["seen"].value()
        assert client.post(self.url, tier(probability="40", seen=again)).status_code == 302
        assert TransactionTier.objects.get().probability == Decimal("0.4")

    @pytest.mark.parametrize("seen", ["nonsense", "x" * 60])
    def test_a_version_that_never_was(self, client, opened, seen):
        assert client.post(self.url, tier(seen=seen)).status_code == 200
        assert TransactionTier.objects.get().name == "Theirs"

    def test_deleted_meanwhile(self, client, opened):
        execute("SELECT sespan.tier_delete(%s)", [self.row.pk])
        answer = client.post(self.url, tier(seen=opened), follow=True)
        assert "doesn’t exist" in answer.text
