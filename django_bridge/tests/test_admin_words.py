"""The staff's pages in words: true sentences, plurals, and the reader's language."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.utils import translation

from django_sespan._internal import words
from django_sespan._internal.money import money, percent
from django_sespan.admin import tier_cost
from django_sespan.mail.reasons import sentence
from queued_mails import LIST, QUEUE, execute, finish, queue

pytestmark = pytest.mark.django_db

SAME = {"login"}
"""Words that are the same in both languages."""
SQL = Path(__file__).parents[2] / "sql" / "migrations"


@pytest.fixture(autouse=True)
def _english():
    """A request in another language leaves it behind in this thread."""
    with translation.override("en"):
        yield


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("staff", "staff@example.com", "x"))
    return client


def closed_lists(file, column):
    """The words that the CHECKs of the schema allow a column."""
    text = next(SQL.glob(f"[0-9][0-9][0-9]_{file}.sql")).read_text()
    lists = re.findall(rf"CHECK\s*\({column} IN\s*\(([^)]*)\)\)", text)
    return [set(re.findall(r"'(\w+)'", words)) for words in lists]


@pytest.mark.parametrize(
    ("known", "file", "column"),
    [
        (words.REQUEST_TYPES, "api_log", "request_type"),
        (words.OUTCOMES, "api_log", "outcome"),
        (words.PURPOSES, "otp", "purpose"),
        (words.CODE_STATUSES, "otp", "status"),
        (words.LIMITS, "transaction", "capped_by"),
        (words.WAYS, "audit", "way"),
    ],
)
def test_each_word_of_the_schema_has_one_for_people(known, file, column):
    assert set(known) in closed_lists(file, column)


def test_each_failure_of_the_sender_has_words():
    """The closed lists of the Go packages that send."""
    internal = SQL.parents[1] / "internal"
    named = (internal / "smtp" / "classify.go").read_text()
    slugs = set(re.findall(r'"(\w+)"', re.search(r"return \[\]string\{([^}]*)\}", named).group(1)))
    results = (internal / "mail" / "result.go").read_text()
    slugs |= set(re.findall(r'reason\w+ += "(\w+)"', results))
    assert len(slugs) > 15
    assert slugs <= words.FAILURES.keys()


def test_words_are_indonesian_too():
    lists = [known for name, known in vars(words).items() if name.isupper()]
    assert len(lists) >= 10
    for known in lists:
        for value, text in known.items():
            with translation.override("en"):
                english = str(text)
            with translation.override("id"):
                assert str(text), value
                assert str(text) != english or value in SAME, value


def plain(page):
    """The page without the classes of its buttons."""
    return page.text.replace('<button class="button"', "<button")


class TestQueue:
    def test_given_up_mails_are_not_called_well(self, staff):
        assert "Nothing: no mail waits too long" in staff.get(QUEUE).text
        for _ in range(2):
            finish(queue())
        page = staff.get(QUEUE).text
        assert "every mail goes its way" not in page
        assert "2 mails were given up: look at them." in page
        assert f"{LIST}?state=dead" in page

    def test_the_total_is_true(self, staff):
        assert "0 mails in all" in staff.get(LIST).text
        for _ in range(4):
            queue()
        assert "4 mails in all" in staff.get(LIST).text
        page = staff.get(LIST, {"state": "queued"}).text
        assert "about 0" not in page

    def test_a_wiped_mail_offers_nothing_to_read(self, staff):
        number = queue()
        assert "<button>Read the content" in plain(staff.get(f"{LIST}{number}/change/"))
        execute(
            "UPDATE sespan.mail_message SET body_text = NULL, wiped_at = now()"
            " WHERE message_id = %s",
            [number],
        )
        page = plain(staff.get(f"{LIST}{number}/change/"))
        assert "<button disabled>Read the content" in page
        assert "The content was wiped on" in page


@pytest.mark.parametrize(
    ("tries", "language", "said"),
    [
        (1, "en", "after 1 try: the mail server refused the recipient (550 gone)."),
        (2, "en", "after 2 tries: the mail server refused the recipient (550 gone)."),
        (1, "id", "setelah 1 kali percobaan: peladen surat menolak penerima (550 gone)."),
    ],
)
def test_sentences_count_and_name_the_failure(tries, language, said):
    facts = {"attempts": tries, "failure": "rcpt_to", "code": 550, "reply": "gone"}
    with translation.override(language):
        assert said in sentence("dead", facts | {"finished_at": "2026-11-30T00:00:00+00:00"})


def test_behind_one_or_more():
    assert sentence("behind", {"ahead": 1}) == "It waits behind 1 other mail."
    assert sentence("behind", {"ahead": 2}) == "It waits behind 2 other mails."
    assert "more than 10000 other mails" in sentence("behind", {"ahead": 10001})


@pytest.mark.parametrize("language", ["en", "id"])
def test_lists_show_no_raw_word(staff, language):
    staff.cookies["django_language"] = language
    finish(queue())
    queue()
    for url in (LIST, QUEUE):
        page = staff.get(url).text
        assert not re.search(r">\s*(dead|queued|retry|unknown)\s*<", page), url


class TestMoney:
    def test_amounts_name_the_currency(self, settings):
        assert money(Decimal("250000.0000")) == "250,000"
        settings.SESPAN = settings.SESPAN | {"CURRENCY": "IDR"}
        assert money(Decimal("250000.0000")) == "IDR\xa0250,000"
        assert money(Decimal("0.5000")) == "IDR\xa00.50"
        assert percent(Decimal("0.125000")) == "12.5\xa0%"
        with translation.override("id"):
            assert money(Decimal("250000.5")) == "IDR\xa0250.000,50"

    def test_the_other_pages_for_staff_name_it_too(self, settings):
        settings.SESPAN = settings.SESPAN | {"CURRENCY": "IDR"}
        for name in ("reports/transactions.html", "dashboard.html"):
            context = {"board": {"time_zone": "UTC"}, "user": User(), "request": None}
            page = render_to_string(f"django_sespan/{name}", context)
            assert re.search("[Aa]mounts (are )?in IDR", page), name

    def test_what_a_tier_costs(self, settings):
        settings.SESPAN = settings.SESPAN | {"CURRENCY": "IDR"}
        values = {
            "probability": Decimal("0.25"),
            "discount": Decimal("0.1"),
            "minimum_transaction": Decimal(100_000),
            "maximum_transaction": None,
            "maximum_discount": Decimal(5000),
            "budget_amount": Decimal(1_000_000),
            "budget_uses": None,
        }
        said = [text.replace("\xa0", " ") for text in tier_cost.sentences(values)]
        assert said[0].startswith("Of 100 orders about 25 win a discount of 10 %.")
        assert "On average that is 2.5 % of what is ordered" in said[0]
        assert (
            said[1] == "An order of IDR 100,000 that wins is paid with IDR 95,000: IDR 5,000 less."
        )
        assert said[2] == "It costs at most: IDR 1,000,000 of discounts. After that nobody wins."
        unlimited = tier_cost.sentences(values | {"budget_amount": None})
        assert list(unlimited)[-1] == "No budget limits what it costs in all."

    def test_the_form_asks_while_it_is_filled_in(self, staff):
        url = "/admin/sespan/transactiontier/cost/"
        answer = staff.get(url, {"probability": "50", "discount": "20"})
        assert "about 50 win a discount of 20" in answer.json()["sentences"][0]
        for wrong in ({}, {"probability": "101", "discount": "1"}, {"probability": "x"}):
            assert staff.get(url, wrong).json() == {"sentences": []}
        staff.logout()
        assert staff.get(url).status_code == 302

    def test_a_share_is_shown_and_taken_as_percent(self, staff):
        from django_sespan.models import TransactionTier

        row = TransactionTier(name="x", probability=Decimal("0.123456789012345678"), discount=0)
        row.save()
        page = staff.get(f"/admin/sespan/transactiontier/{row.pk}/change/")
        assert 'value="12.3456789012345678"' in page.text
        assert "Empty: no limit." in page.text
