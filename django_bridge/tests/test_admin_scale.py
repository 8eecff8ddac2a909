"""The staff pages of mails read few rows however many there are: nothing is counted or sorted.

`pytest tests/bench_admin.py -s` gives the milliseconds at a million.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bulk_mails import fill
from django_sespan.mail import queue_admin, search
from django_sespan.mail.search import PAGE, Criteria

pytestmark = pytest.mark.django_db

MAILS, LIVE = 20_000, 300
READ = """
SELECT coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0)
FROM pg_stat_xact_user_tables WHERE schemaname = 'sespan' AND relname LIKE 'mail\\_%'
"""
PAGES = {
    "": 1000,
    f"?before={MAILS // 2}": 1000,
    "?before=60": 1000,
    "?state=dead": 1500,
    "?state=expired": 1000,
    "?state=retry": 1500,
    f"{MAILS // 2}/change/": 100,
    f"{MAILS - 4}/change/": 1000,
}
"""Address and the rows of the queue's tables that may be read for it."""


def rows_read():
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return int(cursor.fetchone()[0])


def test_rows_that_are_read(client):
    client.force_login(User.objects.create_superuser("staff", "staff@example.com", "x"))
    fill(MAILS, LIVE)
    for address, most in PAGES.items():
        before = rows_read()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/admin/sespan/mailmessage/" + address).status_code == 200
        assert rows_read() - before <= most, address
        statements = [q["sql"].upper() for q in queries if "SESPAN." in q["sql"].upper()]
        assert statements
        assert not [sql for sql in statements if "COUNT(" in sql or "OFFSET" in sql]


def test_rows_that_the_queue_reads():
    fill(MAILS, LIVE)
    for question in (
        queue_admin.status,
        queue_admin.stuck,
        queue_admin.pauses,
        queue_admin.estimate,
    ):
        before = rows_read()
        question("default")
        assert rows_read() - before <= 25 * LIVE, question


class TestSearch:
    @pytest.fixture(autouse=True)
    def _many(self, db):
        fill(3000, 100)

    def ids(self, criteria, **options):
        return [r["message_id"] for r in search.search("default", criteria, **options).rows]

    def walk(self, **filters):
        """All pages from the newest to the end."""
        found, before = [], None
        for _ in range(1000):
            page = search.search("default", Criteria(before=before, **filters))
            found += [r["message_id"] for r in page.rows]
            before = page.older
            if before is None:
                return found
        raise AssertionError("no end")

    def test_pages_follow_each_other(self):
        assert self.walk() == list(range(3000, 0, -1))
        assert len(self.ids(Criteria())) == PAGE

    def test_filters(self, monkeypatch):
        monkeypatch.setattr(search, "WINDOW", 70)
        assert self.walk(state="dead") == [n for n in range(2900, 0, -1) if n % 500 == 3]
        assert self.walk(category="rare") == [2017, 1017, 17]
        assert self.walk(recipient="person2999@") == [2999]
        assert self.walk(recipient="person17") == [
            n for n in range(3000, 0, -1) if str(n).startswith("17")
        ]
        assert self.walk(recipient="nobody") == []
        assert self.walk(category="order", state="retry", recipient="person29")[0] == 2999

    def test_out_of_time_the_page_shows_how_far_the_search_went(self, monkeypatch):
        monkeypatch.setattr(search, "WINDOW", 500)
        clock = iter(range(100))
        page = search.search("default", Criteria(category="rare"), now=lambda: next(clock))
        assert (page.rows, page.older, page.complete) == ([], 2501, False)
        assert self.walk(category="rare") == [2017, 1017, 17]

    def test_the_mails_of_a_day(self, settings):
        settings.TIME_ZONE = "Asia/Jakarta"
        rows = queue_admin.find("default", {}, (-1, None), 1000)
        from django.utils import timezone

        chosen = timezone.localtime(rows[700]["created_at"]).date()
        criteria = [
            r["message_id"] for r in rows if timezone.localtime(r["created_at"]).date() == chosen
        ]
        assert 50 < len(criteria) < 200
        assert self.walk(day=chosen) == criteria
        assert self.walk(day=chosen, category="nothing") == []
        assert self.walk(day=chosen.replace(year=2001)) == []

    def test_the_estimate(self):
        assert queue_admin.estimate("default") == 3000
        assert (queue_admin.oldest("default"), queue_admin.newest("default")) == (1, 3000)


def test_an_empty_queue():
    assert search.search("default", Criteria()).rows == []
    assert search.search("default", Criteria(recipient="a")).older is None
    assert queue_admin.newest("default") >= 0
