"""A CSV on its way through the bridge: flat, ended with its reader, and never silently short."""

from __future__ import annotations

import threading

import httpx
import pytest
from django.test import AsyncClient

from django_sespan import errors
from django_sespan._internal.exports import Export
from django_sespan.client import Client
from fake import problem
from people import person

URL = "/account/reports/transactions.csv"
DAYS = {"first": "2026-11-01", "last": "2026-11-30"}
HEAD = b"entry,entry_time\r\n"


class Upstream(httpx.SyncByteStream):
    """A body that counts what was read of it, breaks where told, and knows when it is closed."""

    def __init__(self, *chunks, fails=None):
        self.chunks, self.fails = chunks, fails
        self.read, self.closed = 0, 0

    def __iter__(self):
        for chunk in self.chunks:
            self.read += 1
            yield chunk
        if self.fails:
            raise self.fails

    def close(self):
        self.closed += 1


def csv_answer(stream, **headers):
    return httpx.Response(200, headers={"Content-Type": "text/csv", **headers}, stream=stream)


BROKEN = httpx.RemoteProtocolError("peer closed connection without sending complete body")


@pytest.fixture
def reporter(client, signing_key, db, sespan):
    client.force_login(person("rani", "report"))
    sespan.on_call = None
    return client


@pytest.fixture
def answers(reporter, sespan):
    """Let the service answer the next reads with these; login reports are no reads."""

    def give(*answers):
        waiting = list(answers)

        def answer(request, body):
            if request.method == "GET" and waiting:
                sespan.fail.insert(0, waiting.pop(0))

        sespan.on_call = answer

    return give


def test_bytes_pass_as_they_come(reporter, answers, sespan):
    stream = Upstream(HEAD, b"a,b\r\n", b"c,d\r\n")
    answers(csv_answer(stream))
    response = reporter.get(URL, DAYS)
    assert stream.read == 1, "only the first bytes before the answer begins"
    chunks = iter(response.streaming_content)
    assert next(chunks) == b"\xef\xbb\xbf" + HEAD
    assert stream.read == 1
    assert next(chunks) == b"a,b\r\n"
    assert stream.read == 2
    assert list(chunks) == [b"c,d\r\n"]
    assert stream.closed


def test_what_the_service_is_asked(reporter, answers, sespan):
    answers(csv_answer(Upstream(HEAD)))
    reporter.get(URL, DAYS).getvalue()
    method, path, _, headers = next(call for call in sespan.calls if call[0] == "GET")
    assert (method, path) == ("GET", "/v1/transactions")
    assert headers["Accept"].startswith("text/csv")
    assert headers["Authorization"].startswith("Bearer ey"), "the person's token"


def test_a_break_in_the_middle_aborts_and_says_so(reporter, answers):
    stream = Upstream(HEAD, b"half a li", fails=BROKEN)
    answers(csv_answer(stream))
    chunks = iter(reporter.get(URL, DAYS).streaming_content)
    assert [next(chunks), next(chunks)] == [b"\xef\xbb\xbf" + HEAD, b"half a li"]
    assert next(chunks).startswith(b"\r\nINCOMPLETE: the download broke off here.")
    with pytest.raises(errors.SespanUnavailable):
        next(chunks)
    assert stream.closed


@pytest.mark.parametrize("failure", [BROKEN, httpx.ReadTimeout("60 s")])
def test_a_break_before_the_first_byte_is_a_page(reporter, answers, failure):
    stream = Upstream(fails=failure)
    answers(csv_answer(stream))
    page = reporter.get(URL, DAYS)
    assert (page.status_code, page["Content-Type"][:9]) == (503, "text/html")
    assert "The service is away" in page.text
    assert stream.closed


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        problem(503, "unavailable"),
        problem(401, "unauthorized"),
        httpx.Response(200, json={}),
        httpx.Response(200, html="<p>a proxy's page"),
        httpx.Response(502, html="<p>a proxy's page"),
        httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"x" * (2 << 20)),
    ],
    ids=str,
)
def test_no_csv_at_all_is_a_page(reporter, answers, answer):
    answers(answer, answer)
    page = reporter.get(URL, DAYS)
    assert (page.status_code, page["Content-Type"][:9]) == (503, "text/html")


def test_what_the_service_refuses_is_a_page(reporter, answers):
    answers(problem(429, "too-many-exports", {"Retry-After": "30"}))
    page = reporter.get(URL, DAYS)
    assert page.status_code == 429
    assert "Please wait 30 seconds" in page.text
    answers(problem(422, "invalid", detail="not this", errors=[{"location": "query.from"}]))
    page = reporter.get(URL, DAYS)
    assert page.status_code == 422
    assert "not this" in page.text


def test_a_connection_that_had_ended_is_tried_again(reporter, answers):
    answers(httpx.RemoteProtocolError("closed while idle"), csv_answer(Upstream(HEAD)))
    assert reporter.get(URL, DAYS).getvalue() == b"\xef\xbb\xbf" + HEAD


def test_an_empty_file_is_a_file(reporter, answers):
    answers(csv_answer(Upstream()))
    assert reporter.get(URL, DAYS).getvalue() == b"\xef\xbb\xbf"


def test_the_browser_goes_away(reporter, answers):
    stream = Upstream(HEAD, b"a,b\r\n", b"c,d\r\n")
    answers(csv_answer(stream))
    response = reporter.get(URL, DAYS)
    next(iter(response.streaming_content))
    assert not stream.closed
    response.close()
    assert stream.closed
    assert stream.read == 1


@pytest.mark.parametrize("until", ["", "soon", "2026-11-29T14:00:00"])
def test_an_unreadable_end_is_left_out(reporter, answers, until):
    answers(csv_answer(Upstream(HEAD), **{"Sespan-Export-Until": until}))
    response = reporter.get(URL, DAYS)
    assert "Sespan-Export-Until" not in response
    assert "until" not in response["Content-Disposition"]


def test_under_asgi_nothing_is_gathered(reporter, answers):
    """The warning of Django for a synchronous iterator would fail this test."""
    from asgiref.sync import async_to_sync

    stream = Upstream(HEAD, b"a,b\r\n", b"c,d\r\n", fails=BROKEN)
    answers(csv_answer(stream))
    browser = AsyncClient()
    browser.cookies = reporter.cookies
    read = []

    async def get():
        response = await browser.get(URL, DAYS)
        assert response.is_async
        assert stream.read == 1
        chunks = aiter(response)
        read.extend([await anext(chunks) for _ in range(4)])
        with pytest.raises(errors.SespanUnavailable):
            await anext(chunks)

    async_to_sync(get)()
    assert read[0] == b"\xef\xbb\xbf" + HEAD
    assert read[-1].startswith(b"\r\nINCOMPLETE")
    assert stream.closed


def test_closing_while_another_thread_reads():
    """The reader closes the connection then: two threads never use it at once."""
    reading, go_on = threading.Event(), threading.Event()

    class Slow(Upstream):
        def __iter__(self):
            reading.set()
            assert go_on.wait(10)
            assert not self.closed
            yield b"x"

    stream = Slow()
    export = Export(csv_answer(stream))
    got = []
    reader = threading.Thread(target=lambda: got.extend(export))
    reader.start()
    assert reading.wait(10)
    export.close()
    assert not stream.closed
    go_on.set()
    reader.join(10)
    assert (got, bool(stream.closed)) == ([], True)


def test_the_client_gives_an_iterator_of_bytes(sespan):
    sespan.fail.append(
        csv_answer(Upstream(HEAD, b"a"), **{"Sespan-Export-Until": "2026-11-29T07:00:00Z"})
    )
    staff = Client.from_settings().as_staff("ey.token")
    with staff.transactions_csv(discounted=True) as export:
        assert export.until.isoformat() == "2026-11-29T07:00:00+00:00"
        assert b"".join(export) == HEAD + b"a"
    assert sespan.calls[-1][3]["Authorization"] == "Bearer ey.token"
