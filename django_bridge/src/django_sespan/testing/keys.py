"""Service keys that people make, in memory."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django_sespan import errors
from django_sespan._internal.transport import Answer

MOST_OWN = 10
MOST_DAYS = 90
OWN_ROLES = {"report", "dashboard", "admin"}


@dataclass(frozen=True)
class _Key:
    key_id: str
    role: str
    name: str
    owner: tuple[str, str] | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None = None
    replaced: bool = False

    @property
    def state(self) -> str:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires and self.expires <= datetime.now(UTC) else "active"

    def plain(self) -> dict[str, Any]:
        owner_id, owner_name = self.owner or (None, None)
        return {
            "key_id": self.key_id,
            "role": self.role,
            "name": self.name,
            "owner_id": owner_id,
            "owner_name": owner_name,
            "state": self.state,
            "created_at": self.created.isoformat(),
            "expires_at": self.expires.isoformat() if self.expires else None,
            "revoked_at": self.revoked.isoformat() if self.revoked else None,
            "last_used_at": None,
        }


@dataclass(frozen=True)
class _Person:
    """Whom a staff token names. Nobody checks its signature in memory."""

    owner: tuple[str, str]
    admin: bool


class Keys:
    """Answers `/v1/keys` and what is below it, by the roles of the token."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def answer(
        self, method: str, rest: list[str], body: Mapping[str, Any], bearer: str | None
    ) -> Answer:
        """Answer a call, or raise what the real transport raises."""
        person = _person(bearer)
        match (method, *rest):
            case ("GET",):
                seen = [key.plain() for key in self._keys.values() if _sees(person, key)]
                return Answer(200, {"keys": seen})
            case ("POST",):
                return self._create(person, body)
            case ("DELETE", key_id):
                key = self._find(person, key_id)
                self._keys[key_id] = replace(key, revoked=key.revoked or datetime.now(UTC))
                return Answer(204, {})
            case ("POST", key_id, "rotate"):
                return self._rotate(person, self._find(person, key_id), body)
        raise errors.SespanRefused("not known here", status=404)

    def _create(self, person: _Person, body: Mapping[str, Any]) -> Answer:
        days, role = body.get("expires_in_days"), str(body["role"])
        own = bool(body.get("own")) or not person.admin
        if not person.admin:
            days = MOST_DAYS if days is None else days
            if role != "report":
                raise _forbidden("Your keys may have the role report.")
            if days > MOST_DAYS:
                raise errors.SespanRefused("Your keys live at most 90 days.", status=422)
        if own and role not in OWN_ROLES:
            raise errors.SespanRefused("An own key must have another role.", status=422)
        owner = person.owner if own else None
        live = [key for key in self._keys.values() if key.owner == owner and key.state == "active"]
        if own and len(live) >= MOST_OWN:
            raise errors.SespanRefused("You have 10 live keys, which is the most.", status=409)
        now = datetime.now(UTC)
        expires = None if days is None else now + timedelta(days=days)
        return self._made(_Key("", role, str(body["name"]), owner, now, expires))

    def _rotate(self, person: _Person, key: _Key, body: Mapping[str, Any]) -> Answer:
        if key.owner not in {None, person.owner}:
            raise _forbidden("This is a person's own key: only they rotate it.")
        if key.replaced or key.state != "active":
            raise errors.SespanRefused("This key was rotated before.", status=409)
        now, overlap = datetime.now(UTC), int(body.get("overlap_seconds", 0))
        old = replace(key, replaced=True, revoked=None if overlap else now)
        if overlap:
            end = now + timedelta(seconds=overlap)
            old = replace(old, expires=min(end, key.expires or end))
        self._keys[key.key_id] = old
        return self._made(replace(key, created=now))

    def _made(self, key: _Key) -> Answer:
        made = replace(key, key_id=f"memory{len(self._keys):06d}")
        self._keys[made.key_id] = made
        return Answer(201, {"key": f"sk_{made.key_id}_{'x' * 43}", **made.plain()})

    def _find(self, person: _Person, key_id: str) -> _Key:
        key = self._keys.get(key_id)
        if key is None or not _sees(person, key):
            raise errors.UnknownKey("There is no key with this id.", status=404)
        return key


def _sees(person: _Person, key: _Key) -> bool:
    return person.admin or key.owner == person.owner


def _person(bearer: str | None) -> _Person:
    try:
        part = (bearer or "").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        roles = set(claims["roles"])
        owner = str(claims["sub"]), str(claims["name"])
    except (IndexError, KeyError, ValueError, binascii.Error):
        raise _forbidden("Keys are made by people, never by a key.") from None
    if not roles & {"report", "admin"}:
        raise _forbidden("Keys are for people with the role report or admin.")
    return _Person(owner, "admin" in roles)


def _forbidden(detail: str) -> errors.SespanMisconfigured:
    return errors.SespanMisconfigured(detail, status=403)
