"""Whatever Django's own backend takes, the queue takes, and the recipient reads the same.

Generated mails go both ways into the same mail server. The examples are what sites have
lost mails by.
"""

from __future__ import annotations

from email.header import Header
from email.mime.image import MIMEImage
from email.mime.text import MIMEText

import django
import pytest
from django.core.mail import EmailMultiAlternatives
from hypothesis import example, given
from hypothesis import strategies as st

from carried import KINDS
from live.both_ways import backend, journey, numbers, people, point_both_here, raw_header, reading

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated"),
]


@pytest.fixture
def site(site, settings):
    point_both_here(site, settings)
    return site


def sent(site, own, change):
    """Build a mail anew, send it one way, and read what arrives for a hidden recipient."""
    hidden = f"edge{next(numbers)}@example.com"
    made = EmailMultiAlternatives("Subject", "text", "shop@example.com", bcc=[hidden])
    change(made)
    assert backend(own).send_messages([made]) == 1
    return site.sink.wait(hidden, seconds=20)


REFUSALS = (ValueError, TypeError, LookupError, AttributeError)


def compare(site, change, read=reading):
    """Send both ways; what Django refuses is the queue's to decide."""
    try:
        django_read = read(sent(site, False, change))
    except REFUSALS:
        django_read = None
    try:
        own_read = read(sent(site, True, change))
    except REFUSALS as exc:
        if django_read is not None:
            raise AssertionError(f"Django takes {django_read}") from exc
        return
    if django_read is not None:
        assert differences(own_read, django_read) == []


def differences(own, django, place=""):
    """Name the places where the two are not the same, with what stands there."""
    if isinstance(own, dict) and isinstance(django, dict):
        keys = sorted({*own, *django})
        pairs = [(own.get(key), django.get(key), f"{place}.{key}") for key in keys]
    elif isinstance(own, list) and isinstance(django, list) and len(own) == len(django):
        pairs = [(*pair, f"{place}[{n}]") for n, pair in enumerate(zip(own, django, strict=True))]
    else:
        return [] if own == django else [f"{place}: {own!r:.300}, with Django {django!r:.300}"]
    return [found for pair in pairs for found in differences(*pair)]


LETTERS = "ab Zé日\u05d0=?<>,;:\"'\\@()[]. \t"
TEXT = st.one_of(
    st.sampled_from(["", "Anna", "Smith, Anna", "Käse & Brot", "名前", "O'Neil (Bali)", "=?x"]),
    st.text(LETTERS, max_size=30),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30),
)
CHARSETS = ["utf-8", "iso-8859-1", "iso-2022-jp", "koi8-r", "big5", "euc-kr", "windows-1252"]


@st.composite
def encoded_words(draw):
    """A name as another program has encoded it."""
    charset = draw(st.sampled_from(CHARSETS))
    text = draw(st.text("ab Zé日яテ한中", min_size=1, max_size=12))
    return Header(text.encode(charset, "ignore").decode(charset) or "x", charset).encode()


@st.composite
def mailboxes(draw):
    local = draw(
        st.sampled_from(["a", "Anna.B+x", "o'neil", "a..b.", ".a", "x" * 70, "reply+" + "t" * 90])
    )
    domain = draw(
        st.sampled_from(
            [
                "example.com",
                "Shop.Example",
                "b_c.example",
                "localhost",
                "bücher.example",
                "xn--bcher-kva.example",
                "[127.0.0.1]",
            ]
        )
    )
    name = draw(st.one_of(st.just(""), TEXT, encoded_words()))
    if not name:
        return f"{local}@{domain}"
    if not (name.startswith("=?") and name.endswith("?=")):
        name = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    return f"{name} <{local}@{domain}>"


class TestAddresses:
    def test_generated(self, site):
        @journey
        @example(
            "=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?= <a@example.com>", "shop@example.com", ["a@b.co"]
        )
        @example("a..b.@docomo.example", "Docomo <.a@docomo.example>", ["x" * 70 + "@example.com"])
        @given(mailboxes(), mailboxes(), st.lists(mailboxes(), max_size=2))
        def run(to, sender, reply_to):
            def change(made):
                made.to, made.from_email, made.reply_to = [to], sender, reply_to

            compare(site, change)

        run()

    @pytest.mark.parametrize(
        "reply_to",
        [
            ["a@example.com, b@example.com"],
            ["Anna <a@example.com>, b@example.com", "c@example.com"],
            ['a@[127.0.0.1], "x" <b@example.com>'],
            ["Doe, Jane <j@example.com>"],
            ['"a <b>" <j@example.com>'],
            ["x" * 70 + "@example.com"],
            ["Käse & Brot <a@example.com>"],
            ["nobody in particular"],
            ["a@b..example"],
        ],
    )
    def test_reply_to(self, site, reply_to):
        compare(site, lambda made: setattr(made, "reply_to", reply_to))

    def test_the_envelope_is_bare(self, site):
        """As Django 5.2 writes them; 6.1 refuses them."""
        got = sent(site, True, lambda made: made.to.append("a..b.@docomo.example"))
        assert raw_header(got.message, "To") == "a..b.@docomo.example"
        site.sink.wait("a..b.@docomo.example")

    def test_a_quoted_local_part(self, site):
        """Django 5.2 quotes it twice, and so writes to somebody else."""
        got = sent(site, True, lambda made: made.to.append('Anna <"a b"@example.com>'))
        assert raw_header(got.message, "To") == 'Anna <"a b"@example.com>'
        site.sink.wait('"a b"@example.com')

    def test_a_domain_that_idna_does_not_allow_is_refused_at_once(self, site):
        with pytest.raises(ValueError, match=r"cc: .*no valid domain"):
            sent(site, True, lambda made: made.cc.append("x@नाम\u200dक.example"))


STRUCTURED = ("Sender", "Resent-To", "Disposition-Notification-To", "List-Id", "Reply-To", "From")


class TestHeaders:
    def test_generated(self, site):
        @journey
        @given(
            st.dictionaries(st.sampled_from(["X-Note", "X-SMTPAPI", "Comments"]), TEXT, max_size=3),
            TEXT,
        )
        def run(headers, subject):
            def change(made):
                made.subject = subject.replace("\t", " ")
                made.extra_headers = {k: v.replace("\t", " ") for k, v in headers.items()}

            compare(site, change)

        run()

    @pytest.mark.parametrize("name", STRUCTURED)
    def test_names_alone_are_encoded(self, site, name):
        """Django itself encodes some of them whole."""
        value = "Käse & Brot <shop@example.com>"
        got = sent(site, True, lambda made: made.extra_headers.update({name: value}))
        assert people(got.message, name) == [("Käse&Brot", "shop@example.com")]

    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    def test_blanks_stay(self, site, raw):
        value = '{"to":  ["a@b.co"],   "sub": {"%name%": ["Anna   Maria"]}, ' + '"x": 1,  ' * 30
        value += '"y": 2}'

        def change(made):
            made.subject = "two  blanks,   three " + "z " * 60 + " end"
            made.extra_headers["X-SMTPAPI"] = value
            if raw:
                made.extra_headers["Date"] = "Mon, 02 Feb 2026 10:00:00 +0000"

        got = sent(site, True, change).message
        assert got["X-SMTPAPI"] == value
        assert got["Subject"] == "two  blanks,   three " + "z " * 60 + " end"

    @pytest.mark.parametrize(
        ("given_id", "kept"),
        [("foo", False), ("<foo>", False), ("<1@shop.example>", True), (" <1@a> ", True)],
    )
    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    def test_a_message_id_is_replaced_only_where_it_is_none(self, site, given_id, kept, raw):
        def change(made):
            made.extra_headers["Message-ID"] = given_id
            if raw:
                made.extra_headers["Date"] = "Mon, 02 Feb 2026 10:00:00 +0000"

        found = sent(site, True, change).message["Message-ID"]
        assert (found == given_id.strip()) is kept
        assert "@" in found

    @pytest.mark.parametrize(
        "headers",
        [
            {"List-Unsubscribe": "https://shop.example/u"},
            {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            {"X-Big": "word " * 20_000},
            {"References": " ".join(f"<{n}@shop.example>" for n in range(300))},
            {"X-Number": 17},
        ],
    )
    def test_what_the_parameters_do_not_take(self, site, headers):
        compare(site, lambda made: made.extra_headers.update(headers))


KIND = st.sampled_from(
    [
        None,
        "text/plain",
        "text/csv ; charset=utf-8",
        "text/calendar; method=REQUEST",
        "text/csv; charset=iso-8859-1",
        'application/pdf; name="x.pdf"',
        "application/x-thing",
        "image/*",
    ]
)
FILENAME = st.sampled_from(
    [None, "a.txt", "Faktur №1.pdf", 'a"b.csv', "x" * 240 + ".txt", "a b.ics"]
)
CONTENT = st.one_of(
    st.sampled_from(["", "text", "grüße ☕\n", b"%PDF\x00\xff", "grüße".encode(), b"\xe4;1\r\n"]),
    st.text("abü\r\n\t .", max_size=40),
    st.binary(max_size=40),
    st.just("one line of " + "x" * 3000),
)


class TestAttachments:
    def test_generated(self, site):
        @journey
        @example([("invite.ics", "für dich", "text/calendar; method=REQUEST")], False)
        @example([(None, "VAT no. 1", "text/plain")], False)
        @example([("a.csv", "ä;1", "text/csv ; charset=utf-8")], True)
        @given(st.lists(st.tuples(FILENAME, CONTENT, KIND), min_size=1, max_size=3), st.booleans())
        def run(attachments, raw):
            def change(made):
                for one in attachments:
                    made.attach(*one)
                if raw:
                    made.reply_to = ["a@example.com", "b@example.com"]

            compare(site, change)

        run()

    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    @pytest.mark.parametrize("kind", [k for k in KINDS if not k.startswith(("rfc822", "mult"))])
    def test_of_each_kind(self, site, kind, raw):
        def change(made):
            made.attachments.append(KINDS[kind]())
            made.attach_alternative("<p>html</p>", "text/html")
            if raw:
                made.reply_to = ["a@example.com", "b@example.com"]

        compare(site, change)

    @pytest.mark.parametrize("raw", [False, True], ids=["parameters", "raw"])
    @pytest.mark.parametrize(
        ("content", "kind", "labelled"),
        [
            ("für dich", "text/calendar; method=REQUEST", "utf-8"),
            ("ä;1", "text/csv; charset=iso-8859-1", "utf-8"),
            (b"\xe4;1", "text/csv; charset=iso-8859-1", "iso-8859-1"),
            ("ä;1".encode(), "text/csv", "utf-8"),
            (b"\xe4;1", "text/csv", None),
        ],
    )
    def test_the_label_fits_the_bytes(self, site, content, kind, labelled, raw):
        def change(made):
            made.attachments.append(("a.ics", content, kind))
            if raw:
                made.reply_to = ["a@example.com", "b@example.com"]

        (part,) = [p for p in sent(site, True, change).message.walk() if p.get_filename()]
        assert part.get_content_charset() == labelled
        expected = content if labelled != "iso-8859-1" else "ä;1"
        if isinstance(expected, bytes):
            expected = expected if labelled is None else expected.decode()
        assert part.get_content() == expected or part.get_content().rstrip("\r\n") == expected

    def test_an_unnamed_one_stands_in_the_text(self, site):
        got = sent(site, True, lambda made: made.attach(None, "VAT no. 1", "text/plain"))
        assert [p["Content-Disposition"] for p in got.message.walk()] == [None, None, None]

    def test_a_content_id_with_a_blank(self, site):
        def change(made):
            made.attach_alternative('<img src="cid:my logo">', "text/html")
            image = MIMEImage(b"\x89PNG", "png")
            image.add_header("Content-ID", "<my logo>")
            made.attach(image)

        compare(site, change)

    def test_a_line_of_three_thousand(self, site):
        compare(site, lambda made: made.attach(MIMEText("one line of " + "x" * 3000)))


class TestStructures:
    def test_generated(self, site):
        alternative = st.sampled_from(
            [
                ("<p>für</p>", "text/html"),
                ("BEGIN ü", "text/calendar; method=REQUEST"),
                ("*x*", "text/markdown"),
            ]
        )

        @journey
        @given(
            st.text("abü\r\n .=", max_size=60),
            st.sampled_from(["plain", "html", "markdown"]),
            st.lists(alternative, max_size=3),
            st.sampled_from([None, "utf-8", "iso-8859-1", "iso-2022-jp", "us-ascii"]),
            st.lists(
                st.sampled_from([k for k in KINDS if "rfc822" not in k and "multipart" not in k]),
                max_size=2,
            ),
        )
        def run(body, subtype, alternatives, encoding, kinds):
            def change(made):
                made.body, made.content_subtype, made.encoding = body, subtype, encoding
                for one in alternatives:
                    made.attach_alternative(*one)
                made.attachments.extend(KINDS[kind]() for kind in kinds)

            compare(site, change)

        run()

    if django.VERSION < (6,):

        @pytest.mark.parametrize("encoding", ["us-ascii", "iso-8859-1"])
        def test_a_long_line_in_another_charset(self, site, encoding):
            def change(made):
                made.encoding, made.body = encoding, "x" * 3000
                made.reply_to = ["a@example.com", "b@example.com"]

            compare(site, change)
