"""The client of a test run: the real one's methods and checks over a service in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from django_sespan._internal.exports import Export
from django_sespan._internal.transport import Answer, Transport
from django_sespan.client import Client
from django_sespan.conf import get_settings


class Service(Protocol):
    """What answers in memory: `SespanTesting`."""

    def answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        client_ip: str | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        bearer: str | None = None,
    ) -> Answer:
        """Answer one call of the HTTP contract, or raise what the real transport raises."""

    def download(
        self, path: str, params: Mapping[str, Any], bearer: str | None = None
    ) -> httpx.Response:
        """Answer one call for a CSV."""


class FakeClient(Client):
    """What `get_client()` gives in a test run; `sespan` is what a test looks into."""

    def __init__(self, sespan: Service) -> None:
        self.sespan = sespan
        super().__init__(_Memory(sespan))

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
        client_ip: str | None = None,
        timeout: float | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        self._enabled = get_settings().enabled  # a test may change it
        return super()._call(
            method,
            path,
            body,
            idempotent=idempotent,
            client_ip=client_ip,
            timeout=timeout,
            params=params,
        )

    def _download(self, path: str, params: Mapping[str, Any]) -> Export:
        self._enabled = get_settings().enabled
        return super()._download(path, params)


class _Memory(Transport):
    """A transport that opens nothing."""

    def __init__(self, sespan: Service) -> None:
        self._sespan = sespan

    def close(self) -> None:
        """Nothing is open."""

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
        client_ip: str | None = None,
        timeout: float | None = None,
        params: Mapping[str, Any] | None = None,
        bearer: str | None = None,
    ) -> Answer:
        """Ask the service in memory."""
        return self._sespan.answer(
            method, path, dict(body or {}), client_ip, params=params, bearer=bearer
        )

    def download(
        self, path: str, params: Mapping[str, Any] | None = None, *, bearer: str | None = None
    ) -> Export:
        """Download from the service in memory."""
        return Export(self._sespan.download(path, params or {}, bearer))
