"""The objects that live as long as the process: client, login queue, what the database keeps.

Each is made when it is first asked for. `override` puts others in their place, as Django's
`override_settings` does for settings:

    with override(client=Client.from_settings(transport=httpx.MockTransport(answer))):
        ...

In a test run of a site those of `django_sespan.testing` stand behind every override.
"""

from __future__ import annotations

import atexit
import hashlib
import threading
from dataclasses import dataclass
from typing import Any, Self

from django.utils.module_loading import import_string

from django_sespan._internal.budgets import Budgets
from django_sespan._internal.login_queue import LoginQueue
from django_sespan._internal.pretended_registrations import PretendedRegistrations
from django_sespan._internal.registrations import Registrations
from django_sespan.client import Client
from django_sespan.conf import get_settings

IN_MEMORY = "django_sespan.testing.SespanTesting"
"""Has the attributes of `override`. A dotted path, because it is built on this module."""


class Runtime:
    """The objects of one process; `runtime` is the only instance."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()  # requests and the login thread may ask first at once
        self._overrides: list[override] = []
        self._in_memory: Any = None
        self._client: Client | None = None
        self._login_queue: LoginQueue | None = None

    @property
    def client(self) -> Client:
        """The pooled client of this process."""
        replacement: Client | None = self._replacement("client")
        if replacement is not None:
            return replacement
        with self._lock:
            if self._client is None:
                self._client = Client.from_settings()
            return self._client

    @property
    def login_queue(self) -> LoginQueue:
        """The background queue of login reports."""
        replacement: LoginQueue | None = self._replacement("login_queue")
        if replacement is not None:
            return replacement
        with self._lock:
            if self._login_queue is None:
                self._login_queue = LoginQueue(lambda: self.client)
            return self._login_queue

    @property
    def registrations(self) -> Registrations:
        """Who may be activated, as the database knows it."""
        replacement: Registrations | None = self._replacement("registrations")
        return Registrations() if replacement is None else replacement

    @property
    def budgets(self) -> Budgets:
        """What strangers may cause, as the database counts it."""
        replacement: Budgets | None = self._replacement("budgets")
        return Budgets() if replacement is None else replacement

    @property
    def pretended_registrations(self) -> PretendedRegistrations:
        """Registrations for which nothing was made, as the database keeps them."""
        replacement: PretendedRegistrations | None = self._replacement("pretended_registrations")
        return PretendedRegistrations() if replacement is None else replacement

    def cache_key(self, kind: str, value: str) -> str:
        """Return a key of the site's cache that does not show the value; another in each test."""
        prefix = self._replacement("cache_prefix") or ""
        digest = hashlib.sha256(f"{prefix}:{value}".encode()).hexdigest()[:32]
        return f"sespan.{kind}.{digest}"

    @property
    def in_memory(self) -> Any:
        """The Sespan of a test run, a `django_sespan.testing.SespanTesting`."""
        with self._lock:
            if self._in_memory is None:
                self._in_memory = import_string(IN_MEMORY)()
            return self._in_memory

    def close(self) -> None:
        """Close the client; the next call makes a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def after_fork(self) -> None:
        """Forget everything in the child: sockets and threads do not survive a fork."""
        if self._login_queue is not None:
            atexit.unregister(self._login_queue.close)
        self._forget()

    def on_setting_changed(self, *, setting: str, **_: object) -> None:
        """Receiver of Django's `setting_changed`."""
        if setting == "SESPAN":
            self.close()

    def _replacement(self, name: str) -> Any:
        for layer in reversed(self._overrides):
            if getattr(layer, name) is not None:
                return getattr(layer, name)
        return getattr(self.in_memory, name) if get_settings().in_memory else None


runtime = Runtime()


@dataclass(eq=False)
class override:  # noqa: N801  (named like Django's override_settings)
    """Put these in the place of the process's own, until the block or `disable()` ends it."""

    client: Client | None = None
    login_queue: LoginQueue | None = None
    registrations: Registrations | None = None
    budgets: Budgets | None = None
    pretended_registrations: PretendedRegistrations | None = None
    cache_prefix: str | None = None

    def enable(self) -> None:
        """Begin; the newest override wins."""
        runtime._overrides.append(self)

    def disable(self) -> None:
        """End; in a forked child it has ended already."""
        if self in runtime._overrides:
            runtime._overrides.remove(self)

    def __enter__(self) -> Self:
        self.enable()
        return self

    def __exit__(self, *_: object) -> None:
        self.disable()
