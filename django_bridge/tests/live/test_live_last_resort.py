"""What Django's own backend takes, the queue takes, and a recipient reads the same.

Each example goes both ways into the same mail server: through Django's SMTP backend and
through the queue. What Django refuses is left to the queue, but for mails of the last
resort, which never raise.
"""

from __future__ import annotations

import logging
import re

import django
import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter
from hypothesis import example, given
from hypothesis import strategies as st

from live.both_ways import backend, journey, numbers, plain, point_both_here, way

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
)

ANY = st.characters(exclude_categories=())  # surrogates, too
TEXT = st.one_of(
    st.text(ANY, max_size=60),
    st.text(
        st.sampled_from("\t\n\r\x00\x0b\x1f\x7f\x85 ab=?<>,;:\"'\\@üé日\ud83d\udcc3\u2028"),
        max_size=40,
    ),
    st.integers(900, 12_000).map(lambda n: "x" * n),
    st.integers(100, 2_000).map(lambda n: "wörd " * n),
)
LINE = TEXT.map(lambda text: " ".join(text.split("\n")).replace("\r", " "))
EXAMPLES = [
    "order 17\tis late",
    "x" * 3000,
    "word " * 400,
    "nul \x00, bell \x07, half \ud800, escaped \udcc3\udca9",
    "=?iso-2022-jp?B?GyRCJUYbKEI=?=",
    "   ",
    "",
]


class Reporter(ExceptionReporter):
    """No traceback: only what is said."""

    def get_traceback_text(self):
        return "end"

    def get_traceback_html(self):
        return "<p>end</p>"


@pytest.fixture
def site(site, settings):
    """Two backends to the same server, and people who are told of errors."""
    point_both_here(site, settings)
    settings.SERVER_EMAIL = "Site <server@example.com>"
    return site


def both(site, settings, send):
    """Send both ways; give what each recipient read, None for Django's where it refused."""
    read = []
    for own in (False, True):
        to = f"last{next(numbers)}@example.com"
        people = [to] if django.VERSION >= (6,) else [("", to)]
        settings.ADMINS = settings.MANAGERS = people
        try:
            send(own, to)
        except (ValueError, TypeError, LookupError) as exc:
            read.append(exc)
            continue
        read.append(seen(site.sink.wait(to, seconds=20).message))
    return read


def seen(message):
    """What somebody reads: names, subject, texts."""
    names = [a.display_name for h in ("From", "Cc") if message[h] for a in message[h].addresses]
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "subject": plain(message["Subject"]),
        "names": [plain(n) for n in names],
        "text": plain(text and text.get_content()),
        "html": plain(html and html.get_content()),
        "note": plain(message["X-Note"]),
    }


def shortened(read):
    """Names and subjects without an end are cut, which is told."""
    names = [n[:200] for n in read["names"]]
    return {**read, "names": names, "subject": read["subject"][:9_000]}


def compare(site, settings, send, *, never_raises=False):
    django_read, own_read = both(site, settings, send)
    if isinstance(django_read, Exception):
        assert not (never_raises and isinstance(own_read, Exception))
        return
    assert not isinstance(own_read, Exception), own_read
    if not django_read["names"]:
        return  # a form feed in the subject ended the header: Django's mail cannot be read
    assert shortened(own_read) == shortened(django_read)


def examples(*names):
    def add(function):
        for text in EXAMPLES:
            function = example(**dict.fromkeys(names, text))(function)
        return function

    return add


def test_an_error_in_the_log(site, settings):
    @journey
    @examples("text")
    @given(text=TEXT)
    def run(text):
        def send(own, to):
            options = {"include_html": True, "reporter_class": f"{__name__}.Reporter"}
            if django.VERSION >= (6, 1):
                handler = AdminEmailHandler(**options, using="default" if own else "django")
            else:
                path = f"{backend(own).__module__}.EmailBackend"
                handler = AdminEmailHandler(**options, email_backend=path)
            handler.handle(logging.LogRecord("shop", logging.ERROR, "", 1, "%s", (text,), None))

        compare(site, settings, send, never_raises=True)

    run()


def test_mails_to_admins_and_managers(site, settings):
    @journey
    @examples("subject", "body", "html")
    @given(subject=TEXT, body=TEXT, html=st.none() | TEXT)
    def run(subject, body, html):
        def send(own, to):
            tell = mail.mail_admins if len(body) % 2 else mail.mail_managers
            tell(subject, body, html_message=html, **way(own))

        compare(site, settings, send, never_raises=True)

    run()


def test_a_mail_to_a_customer(site, settings):
    @journey
    @examples("subject", "name", "note", "body")
    @given(subject=LINE, name=LINE, note=LINE, body=TEXT)
    def run(subject, name, note, body):
        quoted = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
        if re.fullmatch(r"=\?[!-~]+\?=", name):
            quoted = name  # encoded already

        def send(own, to):
            made = EmailMultiAlternatives(
                subject,
                body,
                f"{quoted} <shop@example.com>",
                [to],
                cc=[f"{quoted} <cc@example.com>"],
                headers={"X-Note": note},
            )
            made.attach_alternative(body, "text/html")
            assert backend(own).send_messages([made]) == 1

        compare(site, settings, send)

    run()
