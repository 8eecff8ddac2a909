"""The client's calls about service keys: by people with the role admin or report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_sespan._internal import responses
from django_sespan._internal.transport import Answer
from django_sespan.errors import SespanInvalidResponse

PATH = "/v1/keys"
ROLES = ("service", "report", "dashboard", "admin")


@dataclass(frozen=True)
class Key:
    """A service key, without its secret."""

    key_id: str
    role: str
    name: str
    owner_id: str | None
    """The person whose own key it is; None for a machine's."""
    owner_name: str | None
    state: str
    """active, expired or revoked."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; the whole of it comes this once."""

    key: Key
    whole: str = field(repr=False)


class KeyCalls:
    """Mixed into the client. All of them need a staff token: `client.as_staff(token)`."""

    def keys(self) -> list[Key]:
        """Return the keys, the oldest first: all for an admin, else one's own."""
        rows = self._call("GET", PATH, idempotent=True).data.get("keys")
        if not isinstance(rows, list):
            raise SespanInvalidResponse("a list of keys without keys")
        return [_key(row) for row in rows]

    def key_create(
        self, *, role: str, name: str, expires_in_days: int | None = None, own: bool | None = None
    ) -> NewKey:
        """Make a key; `own` ties it to the person and their right to its role."""
        body: dict[str, Any] = {"role": role, "name": name}
        if expires_in_days is not None:
            body["expires_in_days"] = expires_in_days
        if own is not None:
            body["own"] = own
        return _new_key(self._call("POST", PATH, body))

    def key_rotate(self, key_id: str, *, overlap_seconds: int = 0) -> NewKey:
        """Make a key in the place of another, which ends at once or after the overlap."""
        body = {"overlap_seconds": overlap_seconds}
        return _new_key(self._call("POST", f"{PATH}/{_id(key_id)}/rotate", body))

    def key_revoke(self, key_id: str) -> None:
        """End a key; again it changes nothing."""
        self._call("DELETE", f"{PATH}/{_id(key_id)}", idempotent=True)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotent: bool = False,
    ) -> Answer:
        raise NotImplementedError


def _id(key_id: str) -> str:
    if not key_id.isascii() or not key_id.isalnum():
        raise ValueError("not the id of a key")  # whatever stands there must not become a path
    return key_id


def _new_key(answer: Answer) -> NewKey:
    return NewKey(_key(answer.data), responses._text(answer.data, "key"))


def _key(data: Any) -> Key:
    if not isinstance(data, Mapping):
        raise SespanInvalidResponse("a key that is no object")
    owner = data.get("owner_id")
    return Key(
        key_id=responses._text(data, "key_id"),
        role=responses._text(data, "role"),
        name=responses._text(data, "name"),
        owner_id=None if owner is None else str(owner),
        owner_name=str(data["owner_name"]) if data.get("owner_name") else None,
        state=responses._text(data, "state"),
        created_at=responses._time(data, "created_at"),
        expires_at=_moment(data, "expires_at"),
        revoked_at=_moment(data, "revoked_at"),
        last_used_at=_moment(data, "last_used_at"),
    )


def _moment(data: Mapping[str, Any], name: str) -> datetime | None:
    return None if data.get(name) is None else responses._time(data, name)
