"""A download handed on to a browser as it arrives, under WSGI and ASGI.

A file that broke off must not pass for a whole one. The response is aborted, which a browser
shows as a failed download; for a proxy that speaks HTTP/1.0 to this site, where an end and an
abort look alike, the file's last line says it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Self

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext

from django_sespan import errors
from django_sespan._internal import messages
from django_sespan._internal.exports import UNTIL, Export

logger = logging.getLogger(__name__)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Without it a spreadsheet takes UTF-8 for the code page of its machine."""


def download(request: HttpRequest, export: Export, name: str) -> StreamingHttpResponse:
    """Return the response; raises SespanUnavailable where nothing came at all.

    Closing the response closes the connection to Sespan: when the browser goes away, too.
    """
    try:
        first = next(export, b"")
    except errors.SespanError:
        export.close()
        raise
    chunks = _Chunks(export, BYTE_ORDER_MARK + first)
    content = _AsyncChunks(chunks) if isinstance(request, ASGIRequest) else chunks
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    if export.until is not None:
        response.headers[UNTIL] = export.until.isoformat()
    return response


class _Chunks(Iterator[bytes]):
    """The file for a WSGI server."""

    def __init__(self, export: Export, first: bytes) -> None:
        self._export, self._first = export, first
        self._broken: errors.SespanError | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._broken is not None:
            raise self._broken
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return next(self._export)
        except errors.SespanError as exc:
            messages.log(logger, "A download broke off", exc)
            self._broken = exc
            sentence = gettext("INCOMPLETE: the download broke off here. Please start it again.")
            return f"\r\n{sentence}\r\n".encode()

    def close(self) -> None:
        """End the download; the response calls it, however it ends."""
        self._export.close()


class _AsyncChunks(AsyncIterator[bytes]):
    """The file for an ASGI server: each read waits in a thread, not in the event loop."""

    def __init__(self, chunks: _Chunks) -> None:
        self._chunks = chunks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await sync_to_async(self._next, thread_sensitive=False)()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    def _next(self) -> bytes | None:
        return next(self._chunks, None)

    def close(self) -> None:
        """End it; the response calls this."""
        self._chunks.close()
