"""Attachments go in pieces, once per content, and cost no second copy."""

from __future__ import annotations

import base64
import hashlib
import os
import tracemalloc
from email.mime.application import MIMEApplication

import pytest
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_sespan import errors
from django_sespan.mail import EmailBackend, enqueue
from django_sespan.mail.attachments import INLINE_LIMIT, Attachments
from django_sespan.mail.blobs import PIECE_SIZE, from_base64, from_bytes, from_text
from mail_rows import count, row, send

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:MIMEBase attachments are deprecated"),
]


def message(content=None, mimetype="application/pdf", n=0):
    made = EmailMessage("s", "b", "shop@example.com", [f"a{n}@example.com"])
    if content is not None:
        made.attach("big.pdf", content, mimetype)
    return made


def stored(item):
    """The content that the database keeps for an item."""
    if "content" in item:
        return base64.b64decode(item["content"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.content FROM sespan.mail_attachment a"
            " JOIN sespan.mail_attachment_piece p USING (attachment_id)"
            " WHERE a.sha256 = %s::bytea ORDER BY p.piece",
            [bytes.fromhex(item["sha256"])],
        )
        return b"".join(bytes(r[0]) for r in cursor.fetchall())


@pytest.fixture
def pieces(monkeypatch):
    """Sizes of the pieces that were put; they are kept out of the log of statements."""
    seen = []
    original = enqueue.CursorWrapper.execute

    def execute(self, sql, params=None):
        if "mail_attachment_put(" in sql:
            seen.append(len(params[2]))
        return original(self, sql, params)

    monkeypatch.setattr(enqueue.CursorWrapper, "execute", execute)
    return seen


def test_a_small_one_travels_with_the_mail(pieces):
    (item,) = send(message(b"x" * 100))["attachments"]
    assert stored(item) == b"x" * 100
    assert not pieces


def test_a_large_one_goes_in_pieces(pieces):
    content = os.urandom(2 * PIECE_SIZE + 17)
    (item,) = send(message(content))["attachments"]
    assert pieces == [PIECE_SIZE, PIECE_SIZE, 17]
    assert item["sha256"] == hashlib.sha256(content).hexdigest()
    assert (item["filename"], item["content_type"]) == ("big.pdf", "application/pdf")
    assert stored(item) == content


def test_the_same_content_travels_once(pieces):
    content = os.urandom(INLINE_LIMIT + 1)
    first, second = message(content), message(bytes(bytearray(content)), n=1)
    EmailBackend().send_messages([first])
    EmailBackend().send_messages([second])
    assert len(pieces) == 1
    items = [row(m.sespan_id)["attachments"][0] for m in (first, second)]
    assert items[0]["sha256"] == items[1]["sha256"]


def test_many_mails_with_one_attachment_are_one_statement(pieces):
    content = os.urandom(INLINE_LIMIT + 1)
    mails = [message(content, n=n) for n in range(20)]
    with CaptureQueriesContext(connection) as queries:
        assert EmailBackend().send_messages(mails) == 20
    assert len(pieces) == 1
    assert len([q for q in queries if "mail_enqueue_batch" in q["sql"]]) == 1
    assert stored(row(mails[7].sespan_id)["attachments"][0]) == content


def test_text_goes_as_utf_8(pieces):
    text = "grüße ☕\n" * 50_000
    (item,) = send(message(text, "text/plain"))["attachments"]
    assert item["content_type"] == "text/plain; charset=utf-8"
    assert stored(item).decode() == text
    assert pieces


def test_a_mime_part_goes_in_pieces_as_well(pieces):
    content = os.urandom(PIECE_SIZE + 1000)
    part = MIMEApplication(content, "pdf")
    part.add_header("Content-Disposition", "attachment", filename="big.pdf")
    made = message()
    made.attach(part)
    (item,) = send(made)["attachments"]
    assert stored(item) == content
    assert pieces


def test_an_idempotency_key_counts_for_a_mail_with_a_large_attachment():
    content = os.urandom(INLINE_LIMIT + 1)
    mails = [message(content) for _ in range(2)]
    for made in mails:
        made.sespan = {"idempotency_key": "big"}
        EmailBackend().send_messages([made])
    assert mails[0].sespan_id == mails[1].sespan_id


def test_rolled_back_with_its_mail():
    content = os.urandom(INLINE_LIMIT + 1)
    bad = message(content)
    bad.to = ["nobody"]
    assert EmailBackend(fail_silently=True).send_messages([bad]) == 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sespan.mail_attachment_known(%s::bytea)", [hashlib.sha256(content).digest()]
        )
        assert cursor.fetchone()[0] is False


def test_too_large_is_refused_before_it_is_sent(pieces):
    before = count()
    with pytest.raises(ValueError, match="attachments: they are together larger than 25 MiB"):
        EmailBackend().send_messages([message(bytes(26 << 20))])
    assert (pieces, count()) == ([], before)


def peak(call):
    """Bytes that Python held at once during the call, beyond what it held before."""
    tracemalloc.start()
    try:
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("debug", [False, True])
def test_eighteen_mebibytes_cost_no_second_copy(settings, debug):
    settings.DEBUG = debug
    content = os.urandom(18 << 20)
    made = message(content)
    used = peak(lambda: EmailBackend().send_messages([made]))
    assert made.sespan_id
    assert used < len(content) / 2, f"{used >> 20} MiB"


def test_eighteen_mebibytes_of_a_mime_part_cost_one_copy():
    """`get_payload` of Python itself encodes the whole base64 text to look for surrogates."""
    part = MIMEApplication(os.urandom(18 << 20), "pdf")
    part.add_header("Content-Disposition", "attachment", filename="big.pdf")
    made = message()
    made.attach(part)
    used = peak(lambda: EmailBackend().send_messages([made]))
    assert made.sespan_id
    assert used < 26 << 20, f"{used >> 20} MiB"


class TestBlobs:
    @pytest.mark.parametrize(
        "size", [0, 1, PIECE_SIZE - 1, PIECE_SIZE, PIECE_SIZE + 1, 3 * PIECE_SIZE]
    )
    def test_bytes(self, size):
        content = os.urandom(size)
        blob = from_bytes(content)
        numbered = list(blob.numbered_pieces())
        assert b"".join(piece for _, piece, _ in numbered) == content
        assert [n for n, _, _ in numbered] == list(range(len(numbered)))
        assert [last for _, _, last in numbered] == [False] * (len(numbered) - 1) + [True]
        assert max(len(piece) for _, piece, _ in numbered) <= PIECE_SIZE
        assert (blob.size, blob.sha256) == (size, hashlib.sha256(content).digest())

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 100, PIECE_SIZE + 5])
    @pytest.mark.parametrize("line", ["\n", "\r\n", ""])
    def test_base64(self, size, line):
        content = os.urandom(size)
        text = line.join(base64.encodebytes(content).decode().splitlines())
        assert b"".join(from_base64(text)) == content

    def test_text(self):
        text = "☕" * (PIECE_SIZE // 3)
        assert b"".join(from_text(text)).decode() == text
        assert max(map(len, from_text(text))) <= PIECE_SIZE

    def test_shared_content_is_read_once(self):
        content = bytes(INLINE_LIMIT + 1)
        items = Attachments()
        found = [items.items(message(content), has_html=False)[0]["blob"] for _ in range(3)]
        assert found[0] is found[1] is found[2]


def test_a_refused_piece_leaves_the_transaction_usable(monkeypatch):
    monkeypatch.setattr("django_sespan.mail.blobs.Blob.sha256", property(lambda _: bytes(32)))
    with transaction.atomic():
        with pytest.raises(errors.MailNotQueued):
            EmailBackend().send_messages([message(os.urandom(INLINE_LIMIT + 1))])
        count()
