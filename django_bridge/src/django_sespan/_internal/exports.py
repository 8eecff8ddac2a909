"""A download from Sespan under way: bytes as they arrive, never the whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Self

import httpx

from django_sespan import errors
from django_sespan._internal import quiet

UNTIL = "Sespan-Export-Until"
"""Header: the moment at which the export ends. Every draw before it is in the file."""


class Export(Iterator[bytes]):
    """The bytes of a CSV, in UTF-8. `close` ends the download, also from another thread.

    Raises SespanUnavailable where the service breaks off: what came until then is not whole.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = response.iter_bytes()
        self._reading = threading.Lock()
        self._closed = False

    @property
    def until(self) -> datetime | None:
        """Where the file ends, when the service said so."""
        try:
            moment = datetime.fromisoformat(self._response.headers.get(UNTIL, ""))
        except ValueError:
            return None
        return moment if moment.tzinfo else None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        with self._reading:
            chunk = None if self._closed else self._read()
        if chunk is None or self._closed:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """End it; while another thread reads, that one closes the connection after its read."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            try:
                self._response.close()
            finally:
                self._reading.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> bytes | None:
        try:
            with quiet.calls():
                return next(self._chunks, None)
        except (httpx.HTTPError, httpx.StreamError) as exc:
            self._response.close()
            self._closed = True
            raise errors.SespanUnavailable(f"export broke off: {type(exc).__name__}") from exc
