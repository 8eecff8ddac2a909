"""Which trace a call belongs to, and what is never passed on."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from django.core.mail import EmailMessage
from django.db import connection

from django_sespan._internal import trace_context
from django_sespan.mail import EmailBackend
from django_sespan.middleware import AuditMiddleware

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def span(monkeypatch):
    """A site that traces: what the API of OpenTelemetry says of the current span."""
    state = SimpleNamespace(to_header=lambda: "vendor=own")
    context = SimpleNamespace(trace_id=1, span_id=2, trace_flags=1, trace_state=state)
    module = ModuleType("opentelemetry.trace")
    module.get_current_span = lambda: SimpleNamespace(get_span_context=lambda: context)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    return context


def sent(rf, **given):
    with trace_context.of_visitor(rf.get("/", **given)):
        return trace_context.headers()


def test_a_visitors_trace_is_passed_on(rf):
    assert trace_context.headers() == {}
    assert sent(rf) == {}
    assert sent(rf, HTTP_TRACEPARENT=PARENT, HTTP_BAGGAGE="person=sari") == {"traceparent": PARENT}
    both = sent(rf, HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="a=1 , t@b=x y")
    assert both == {"traceparent": PARENT, "tracestate": "a=1,t@b=x y"}


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        PARENT + "\n",
        PARENT + "-more",
        PARENT.upper(),
        "01" + PARENT[2:],
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.replace("1", "\u0661"),
        f"{PARENT},{PARENT}",
        "0" * 100_000,
        f"00-{TRACE}-{SPAN}-01\r\nAuthorization: Bearer x",
    ],
)
def test_what_is_no_traceparent_is_not_passed_on(rf, forged):
    assert sent(rf, HTTP_TRACEPARENT=forged, HTTP_TRACESTATE="a=1") == {}


@pytest.mark.parametrize(
    "forged",
    ["a", "=", "a=" + "x" * 600, "a=1\r\nb: 2", "a=é", "A=1", "a=1,,b=2", ",".join(["a=1"] * 33)],
)
def test_what_is_no_tracestate_is_left_out(rf, forged):
    found = sent(rf, HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE=forged)
    assert found == {"traceparent": PARENT}


def test_the_sites_own_span_comes_first(rf, span):
    own = {"traceparent": f"00-{1:032x}-{2:016x}-01", "tracestate": "vendor=own"}
    assert sent(rf, HTTP_TRACEPARENT=PARENT) == own
    span.trace_id = 0  # none is current
    assert sent(rf, HTTP_TRACEPARENT=PARENT) == {"traceparent": PARENT}
    assert trace_context.own_traceparent() is None
    del span.span_id  # another version
    assert sent(rf, HTTP_TRACEPARENT=PARENT) == {"traceparent": PARENT}


def test_calls_send_it(runtime, sespan, rf):
    with trace_context.of_visitor(rf.get("/", HTTP_TRACEPARENT=PARENT)):
        runtime.client.otp_create(purpose="login", email="a@example.com")
    runtime.client.otp_create(purpose="login", email="a@example.com")
    found = [headers.get("traceparent") for _, _, _, headers in sespan.calls]
    assert found == [PARENT, None]


def test_the_middleware_covers_the_whole_site(rf):
    seen = AuditMiddleware(lambda _: trace_context.headers())(rf.get("/", HTTP_TRACEPARENT=PARENT))
    assert seen == {"traceparent": PARENT}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("bound")
def test_the_pages_pass_it_on(client, sespan):
    form = {"username": "budi", "email": "budi@example.com"}
    form |= {"password1": "correct horse 9", "password2": "correct horse 9"}
    client.post("/account/register/", form, HTTP_TRACEPARENT=PARENT)
    assert [h.get("traceparent") for _, path, _, h in sespan.calls if path == "/v1/otp"] == [PARENT]


@pytest.mark.django_db
def test_mails_of_a_site_that_traces_keep_its_span(rf, span):
    def stored(count=1):
        mails = [
            EmailMessage("s", "b", "shop@example.com", ["a@example.com"]) for _ in range(count)
        ]
        EmailBackend().send_messages(mails)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT traceparent FROM sespan.mail_message WHERE message_id = ANY (%s)",
                [[mail.sespan_id for mail in mails]],
            )
            return [row[0] for row in cursor.fetchall()]

    own = f"00-{1:032x}-{2:016x}-01"
    assert (stored(), stored(2)) == ([own], [own, own])
    span.trace_id = 0
    with trace_context.of_visitor(
        rf.get("/", HTTP_TRACEPARENT=PARENT)
    ):  # a visitor's is not stored
        assert (stored(), stored(2)) == ([None], [None, None])
