"""Django's attachments as items of `mail_enqueue(attachments => …)`.

An item is {"content_type", "filename"?, "content_id"?} with "content" (base64) or, where
the content is not small, with "blob": read in pieces, named by its SHA-256 when it is sent.
A mail or a multipart arrives byte for byte, since it may be signed: the composer encodes neither.
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from email.message import Message
from typing import Any

from django.core.mail import EmailMessage
from django.utils.encoding import force_str

from django_sespan.mail import harmless, verbatim
from django_sespan.mail.blobs import Blob, from_base64, from_bytes, from_text
from django_sespan.mail.media_type import fitting, kind_of

INLINE_LIMIT = 64 << 10
"""Up to so many bytes travel inside the mail."""
ITEMS_LIMIT = 100
"""Attachments that `mail_enqueue` takes."""

ITEM_HEADERS = frozenset(
    {
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "content-id",
        "mime-version",
        "x-attachment-id",
    }
)
"""Headers of a MIME part that an item can express."""
CONTENT_ID = re.compile(r"<?[!-;=?-~]{1,200}>?")
"""Others reach the recipient as they are, in a part of the site's."""


class NeedsRawMessage(Exception):
    """The parameters cannot express this message: it goes as `raw`."""


class Attachments:
    """Makes the items of one call; content that several mails share is read once."""

    def __init__(self) -> None:
        self._cache: dict[int, tuple[Any, Blob]] = {}

    def items(self, message: EmailMessage, *, has_html: bool) -> list[dict[str, Any]]:
        """Return one item for each attachment, or raise NeedsRawMessage."""
        if len(message.attachments) > ITEMS_LIMIT:
            raise NeedsRawMessage
        return [
            self._from_mime_part(item, has_html=has_html)
            if isinstance(item, Message)
            else self._from_tuple(*item)
            for item in message.attachments
        ]

    def _from_tuple(self, filename: Any, content: Any, mimetype: Any = None) -> dict[str, Any]:
        kind = kind_of(filename, mimetype)
        if isinstance(content, EmailMessage):
            raise NeedsRawMessage  # it has to be built, which takes more than this module
        if isinstance(content, Message):
            content = verbatim.part_bytes(content)
        elif not isinstance(content, bytes | bytearray | memoryview):
            content = force_str(content)
            kind = fitting(kind, content)
        item = self._content(content) | {"content_type": kind}
        return item | {"filename": harmless.filename(filename)} if filename else item

    def _from_mime_part(self, part: Message[Any, Any], *, has_html: bool) -> dict[str, Any]:
        if part.is_multipart() or part.get_content_maintype() == "message":
            raise NeedsRawMessage
        if {name.lower() for name in part} - ITEM_HEADERS:
            raise NeedsRawMessage
        item = {"content_type": _content_type(part)}
        disposition, content_id = part.get_content_disposition(), part.get("Content-ID")
        filename = part.get_filename()
        named = {"filename": harmless.filename(filename)} if filename else {}
        if content_id and has_html and disposition != "attachment":
            item["content_id"] = str(content_id).strip()
            if not CONTENT_ID.fullmatch(item["content_id"]):
                raise NeedsRawMessage
        elif content_id or disposition != "attachment" or not named:
            raise NeedsRawMessage  # shown in its place between the other parts
        return item | self._mime_part_content(part) | named

    def _mime_part_content(self, part: Message[Any, Any]) -> dict[str, Any]:
        payload = part.get_payload()
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
            try:
                return self._content(payload, from_base64)
            except NotBase64 as exc:
                raise NeedsRawMessage from exc
        decoded = part.get_payload(decode=True)
        if not isinstance(decoded, bytes):
            raise NeedsRawMessage
        return self._content(decoded)

    def _content(self, content: Any, read: Any = None) -> dict[str, Any]:
        cached = self._cache.get(id(content))
        if cached is None:  # holding the content keeps its id from being given again
            reader = read or (from_text if isinstance(content, str) else from_bytes)
            cached = self._cache[id(content)] = (content, reader(content))
        blob = cached[1]
        if len(content) <= INLINE_LIMIT and blob.size <= INLINE_LIMIT:
            return {"content": blob.base64()}
        return {"blob": blob}


def _content_type(part: Message[Any, Any]) -> str:
    kind = part.get_content_type()
    for name, value in part.get_params(failobj=[], header="content-type")[1:]:
        if name.lower() == "name":
            continue  # `filename` has it
        if not isinstance(value, str) or not value.isascii() or set(value) & set('"\\\r\n'):
            raise NeedsRawMessage
        kind += f'; {name}="{value}"'
    return kind
