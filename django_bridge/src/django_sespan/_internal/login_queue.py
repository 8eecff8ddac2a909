"""Login reports: a bounded queue and one thread, so that a login neither waits nor fails.

    user_logged_in ─┐                 ┌─ sent
                    ├─▶ queue (1000) ─┼─ dropped: queue full, refused, or still down after 5 tries
    user_login_failed                 └─ dropped: the process ended (2 s to drain)

Every drop is counted and the count is logged with the next one that is noticed. The
thread starts with the first login of a process; after a fork the child starts its own.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django_sespan import errors

logger = logging.getLogger(__name__)

CAPACITY = 1000
TRIES = 5
RETRY_SECONDS = 0.5
DRAIN_SECONDS = 2.0


class Reporter(Protocol):
    """The one call that the thread makes."""

    def login(self, body: Mapping[str, Any]) -> None:
        """Report a login."""


class LoginQueue:
    """Holds reports until its thread has sent them. `put` never blocks and never raises."""

    def __init__(
        self,
        reporter: Callable[[], Reporter],
        *,
        capacity: int = CAPACITY,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._reporter = reporter
        self._queue: queue.Queue[Mapping[str, Any]] = queue.Queue(capacity)
        self._retry_seconds = retry_seconds
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.sent = 0
        self.dropped = 0

    def put(self, report: Mapping[str, Any]) -> None:
        """Take a report, or count it as dropped when the queue is full."""
        try:
            self._queue.put_nowait(report)
            self._start()
        except queue.Full:
            self._drop("the queue is full")
        except RuntimeError:  # no new threads while the interpreter ends
            self._drop("the process is ending")

    def drain(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Wait until everything is sent or dropped, at most `seconds`; then say whether it is."""
        deadline = time.monotonic() + seconds
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._queue.all_tasks_done.wait(left)
            unsent = self._queue.unfinished_tasks
        if unsent:
            self._drop("the process is ending", unsent)
        return not unsent

    def close(self) -> None:
        """Drain, then stop retrying; called when the process ends."""
        self.drain()
        self._stopping.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="sespan-logins", daemon=True)
                self._thread.start()
                atexit.unregister(self.close)
                atexit.register(self.close)

    def _run(self) -> None:
        while not self._stopping.is_set():
            report = self._queue.get()
            try:
                self._send(report)
            except Exception:
                # Whatever goes wrong with one report must not end the thread.
                logger.exception("A login report failed")
                self._drop("an unexpected error")
            finally:
                self._queue.task_done()

    def _send(self, report: Mapping[str, Any]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._reporter().login(report)
            except errors.SespanDisabled:
                return
            except errors.SespanUnavailable as exc:
                wait = self._retry_seconds * 2 ** (attempt - 1)
                if attempt == TRIES or self._stopping.wait(wait):
                    self._drop(str(exc))
                    return
            except errors.SespanError as exc:
                self._drop(str(exc))
                return
            else:
                self.sent += 1
                return

    def _drop(self, reason: str, number: int = 1) -> None:
        with self._lock:
            self.dropped += number
            total = self.dropped
        logger.warning("Login report dropped (%s); %d dropped since the start", reason, total)
