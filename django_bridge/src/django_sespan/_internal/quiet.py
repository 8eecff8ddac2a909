"""What the HTTP client logs of our calls is kept out of the site's log.

httpx writes a line at INFO for each call, httpcore a dozen at DEBUG; under a root logger at DEBUG
that is most of the log. The site's own use of them goes on as it was: a call is told by the
context that it runs in, so no level is changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")

_calling: ContextVar[bool] = ContextVar("sespan_calling", default=False)


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not _calling.get()


@contextmanager
def calls() -> Iterator[None]:
    """Let what is logged at INFO and DEBUG by the client within the block go nowhere."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_not_ours)  # a second time it changes nothing
    token = _calling.set(True)
    try:
        yield
    finally:
        _calling.reset(token)
