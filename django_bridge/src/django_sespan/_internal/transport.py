"""One HTTP call to Sespan: send, bound in time, and turn the answer into data or an error.

Neither bodies nor the key are ever logged: a body may hold a code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from django_sespan import errors
from django_sespan._internal import quiet, trace_context
from django_sespan._internal.exports import Export

PROBLEM_PREFIX = "urn:sespan:problem:"
MAX_ANSWER = 1 << 20
CONNECT_TIMEOUT = 1.0
EXPORT_SECONDS = 65.0
"""How long a download may rest; the service itself ends one after 60 s without progress."""
MAX_WAIT = 7 * 24 * 3600
"""The longest Retry-After that makes sense, seconds."""


@dataclass(frozen=True)
class Answer:
    """A successful answer: HTTP status and the JSON object."""

    status: int
    data: Mapping[str, Any] = field(repr=False)
    date: str = ""
    """Its `Date`, unparsed: the clock of the service."""


class Transport:
    """A pooled httpx client with the service key; shared by threads, never over a fork."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 5.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
            # A short idle life: a connection that the server closed meanwhile costs a call.
            limits=httpx.Limits(
                max_connections=32, max_keepalive_connections=8, keepalive_expiry=15
            ),
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

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
        """Make one call; an idempotent one is repeated once when the connection broke.

        `timeout` (seconds) is for a call that is worth less or more waiting than the others,
        `bearer` a token that stands in the place of the service key. Raises a SespanError:
        never an httpx one.
        """
        headers = {"Sespan-Client-Ip": client_ip} if client_ip else {}
        headers |= _authorization(bearer) | trace_context.headers()
        path_and_query = _with_query(path, params)
        seconds = self._timeout if timeout is None else timeout
        try:
            return self._once(method, path_and_query, body, headers, seconds)
        except httpx.TimeoutException as exc:
            raise errors.SespanUnavailable(f"{method} {path}: no answer in time") from exc
        except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
            if not idempotent:
                raise errors.SespanUnavailable(f"{method} {path}: {type(exc).__name__}") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise errors.SespanUnavailable(f"{method} {path}: {type(exc).__name__}") from exc
        try:
            return self._once(method, path_and_query, body, headers, seconds)
        except httpx.HTTPError as exc:
            raise errors.SespanUnavailable(f"{method} {path}: {type(exc).__name__}") from exc

    def download(
        self, path: str, params: Mapping[str, Any] | None = None, *, bearer: str | None = None
    ) -> Export:
        """Begin to download a CSV. An error before its first byte is raised here, as by `call`."""
        headers = {
            "Accept": "text/csv, application/problem+json",
            **_authorization(bearer),
        } | trace_context.headers()
        seconds = httpx.Timeout(EXPORT_SECONDS, connect=CONNECT_TIMEOUT)
        request = self._http.build_request(
            "GET", _with_query(path, params), headers=headers, timeout=seconds
        )
        with quiet.calls():
            return self._begin_download(request, path)

    def _begin_download(self, request: httpx.Request, path: str) -> Export:
        try:
            response = self._http.send(request, stream=True)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            response = self._send_again(request)
        except httpx.HTTPError as exc:
            raise errors.SespanUnavailable(f"GET {path}: {type(exc).__name__}") from exc
        if response.is_success and _media_type(response) == "text/csv":
            return Export(response)
        try:
            raw = _whole(response, f"GET {path}", time.monotonic() + self._timeout)
        except httpx.HTTPError as exc:
            raise errors.SespanUnavailable(f"GET {path}: {type(exc).__name__}") from exc
        finally:
            response.close()
        raise _error(response, _json_object(response, raw))

    def _send_again(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request, stream=True)
        except httpx.HTTPError as exc:
            raise errors.SespanUnavailable(f"export: {type(exc).__name__}") from exc

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Answer:
        # httpx bounds each read, not their sum: an answer that trickles is cut here.
        deadline = time.monotonic() + seconds
        bounds = _bounds(seconds)
        with (
            quiet.calls(),
            self._http.stream(method, path, json=body, headers=headers, timeout=bounds) as response,
        ):
            data = _json_object(response, _whole(response, f"{method} {path}", deadline))
        if response.status_code == httpx.codes.NO_CONTENT:
            return Answer(response.status_code, {})
        if response.is_success and data is not None:
            return Answer(response.status_code, data, response.headers.get("date", ""))
        raise _error(response, data)


def _bounds(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT_TIMEOUT, seconds))


def _authorization(bearer: str | None) -> dict[str, str]:
    return {} if bearer is None else {"Authorization": f"Bearer {bearer}"}


def _with_query(path: str, params: Mapping[str, Any] | None) -> str:
    return f"{path}?{urlencode(params, doseq=True)}" if params else path


def _whole(response: httpx.Response, call: str, deadline: float) -> bytes:
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > MAX_ANSWER:
            raise errors.SespanInvalidResponse(f"{call}: the answer is too large")
        if time.monotonic() > deadline:
            raise errors.SespanUnavailable(f"{call}: no answer in time")
    return bytes(raw)


def _media_type(response: httpx.Response) -> str:
    media: str = response.headers.get("content-type", "")
    return media.split(";", maxsplit=1)[0].strip().lower()


def _json_object(response: httpx.Response, raw: bytes) -> Mapping[str, Any] | None:
    media = _media_type(response)
    if media != "application/json" and not media.endswith("+json"):
        return None
    try:
        data = httpx.Response(200, content=raw).json()
        # Half a surrogate pair is JSON, but no page and no database takes it.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _error(response: httpx.Response, data: Mapping[str, Any] | None) -> errors.SespanError:
    status = response.status_code
    kind = str((data or {}).get("type", ""))
    if data is None or not kind.startswith(PROBLEM_PREFIX):
        return errors.SespanInvalidResponse(
            f"HTTP {status} without a problem document", status=status
        )
    slug = kind.removeprefix(PROBLEM_PREFIX)
    error = _class_for(slug, status)(
        str(data.get("detail") or data.get("title") or slug),
        status=status,
        response_id=str(data.get("response_id", "")),
        retry_after=_seconds(response.headers.get("retry-after")),
        members=data,
    )
    error.slug, error.date = slug, response.headers.get("date", "")
    return error


def _class_for(slug: str, status: int) -> type[errors.SespanError]:
    if slug in errors.BY_SLUG:
        return errors.BY_SLUG[slug]
    if status in {401, 403}:
        return errors.SespanMisconfigured
    if status in {408, 429} or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return errors.SespanUnavailable
    return errors.SespanRefused


def _seconds(value: str | None) -> int | None:
    if not value or not value.isascii() or not value.isdigit() or len(value) > len(str(MAX_WAIT)):
        return None
    return min(int(value), MAX_WAIT)
