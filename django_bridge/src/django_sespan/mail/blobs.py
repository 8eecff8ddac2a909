"""The bytes of an attachment, a piece at a time and never as a whole second copy.

A site's attachment is in memory already: as bytes, as text that goes out in UTF-8, or as
the base64 payload of a MIME part. A blob reads it in pieces, once for the digest that is
its name in the database and once more to send what the database does not have yet.
"""

from __future__ import annotations

import base64
import hashlib
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from functools import cached_property

PIECE_SIZE = 1 << 20
"""Bytes that `sespan.mail_attachment_put` takes at most."""

Pieces = Callable[[], Iterator[bytes | memoryview]]


class Blob:
    """Content that can be read again and again, in pieces of at most PIECE_SIZE bytes."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return self._pieces()

    @cached_property
    def _digest_and_size(self) -> tuple[bytes, int]:
        digest, size = hashlib.sha256(), 0
        for piece in self:
            digest.update(piece)
            size += len(piece)
        return digest.digest(), size

    @property
    def sha256(self) -> bytes:
        """The digest, 32 bytes."""
        return self._digest_and_size[0]

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._digest_and_size[1]

    def numbered_pieces(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yield (number, piece, whether it is the last)."""
        previous: bytes | memoryview = b""
        number = -1
        for piece in self:
            if number >= 0:
                yield number, bytes(previous), False
            previous, number = piece, number + 1
        yield max(number, 0), bytes(previous), True

    def base64(self) -> str:
        """Return the whole in base64, for content that is small."""
        return base64.b64encode(b"".join(self)).decode()


def from_bytes(content: bytes | bytearray | memoryview) -> Blob:
    """Read bytes."""
    view = memoryview(content).cast("B")
    return Blob(lambda: (view[n : n + PIECE_SIZE] for n in range(0, len(view), PIECE_SIZE)))


def from_text(content: str) -> Blob:
    """Read text as UTF-8; "?" stands for half a surrogate pair."""
    step = PIECE_SIZE // 4  # a character has up to four bytes
    return Blob(
        lambda: (
            content[n : n + step].encode(errors="replace") for n in range(0, len(content), step)
        ),
    )


def from_base64(payload: str) -> Blob:
    """Read what a base64 payload, in lines, stands for; raises binascii.Error for none."""

    def pieces() -> Iterator[bytes]:
        rest = ""
        for n in range(0, len(payload), PIECE_SIZE):
            text = rest + "".join(payload[n : n + PIECE_SIZE].split())
            whole = len(text) & ~3
            rest = text[whole:]
            if whole:
                yield a2b_base64(text[:whole])
        if rest:
            yield a2b_base64(rest)

    return Blob(pieces)
