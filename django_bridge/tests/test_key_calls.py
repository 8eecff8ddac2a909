"""The client's calls about keys: what is sent as whom, what comes back, what is no answer."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from django_sespan import errors
from django_sespan.client import Key, get_client
from fake import problem

ID = "abcdefghij12"
ROW = {
    "key_id": ID,
    "role": "report",
    "name": "laptop",
    "owner_id": "7",
    "owner_name": "rani",
    "state": "active",
    "created_at": "2026-11-01T00:00:00Z",
    "expires_at": "2027-01-30T00:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
}
SECRET = f"sk_{ID}_secret"


@pytest.fixture
def staff(sespan):
    return get_client().as_staff("the.staff.token")


def test_the_list_is_typed(sespan, staff):
    sespan.answers["GET", "/v1/keys"] = {"keys": [ROW, {**ROW, "owner_id": None, "state": "x"}]}
    own, machine = staff.keys()
    assert own == Key(
        key_id=ID,
        role="report",
        name="laptop",
        owner_id="7",
        owner_name="rani",
        state="active",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        expires_at=datetime(2027, 1, 30, tzinfo=UTC),
        revoked_at=None,
        last_used_at=None,
    )
    assert machine.owner_id is None
    assert sespan.calls[-1][3]["authorization"] == "Bearer the.staff.token"


def test_what_is_sent(sespan, staff):
    made = {**ROW, "key": SECRET}
    sespan.answers["POST", "/v1/keys"] = lambda request: httpx.Response(201, json=made)
    sespan.answers["POST", f"/v1/keys/{ID}/rotate"] = lambda request: httpx.Response(201, json=made)
    sespan.answers["DELETE", f"/v1/keys/{ID}"] = lambda request: httpx.Response(204)
    new = staff.key_create(role="report", name="laptop", expires_in_days=30, own=True)
    assert new.whole == SECRET
    assert SECRET not in repr(new)
    staff.key_create(role="service", name="till")
    staff.key_rotate(ID, overlap_seconds=60)
    staff.key_revoke(ID)
    assert [call[:3] for call in sespan.calls] == [
        ("POST", "/v1/keys",
         {"role": "report", "name": "laptop", "expires_in_days": 30, "own": True}),
        ("POST", "/v1/keys", {"role": "service", "name": "till"}),
        ("POST", f"/v1/keys/{ID}/rotate", {"overlap_seconds": 60}),
        ("DELETE", f"/v1/keys/{ID}", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("key_id", ["", "../tiers", "a/b", "é", "a b", "%2e"])
def test_an_id_is_never_a_path(sespan, staff, key_id):
    for call in (staff.key_rotate, staff.key_revoke):
        with pytest.raises(ValueError, match="not the id"):
            call(key_id)
    assert sespan.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"keys": {}},
        {"keys": ["x"]},
        {"keys": [{**ROW, "name": None}]},
        {"keys": [{**ROW, "expires_at": "soon"}]},
    ],
)
def test_garbage_is_unavailable(sespan, staff, answer):
    sespan.answers["GET", "/v1/keys"] = answer
    with pytest.raises(errors.SespanUnavailable):
        staff.keys()


def test_a_new_key_is_never_asked_for_twice(sespan, staff):
    """A second call after a broken connection would make a key that nobody sees."""
    sespan.fail = [httpx.ReadError("broken")]
    with pytest.raises(errors.SespanUnavailable):
        staff.key_create(role="report", name="laptop")
    assert len(sespan.calls) == 1


@pytest.mark.parametrize(
    ("status", "slug", "error"),
    [
        (404, "unknown-key", errors.UnknownKey),
        (409, "conflict", errors.SespanRefused),
        (403, "forbidden", errors.SespanMisconfigured),
        (422, "invalid", errors.SespanRefused),
    ],
)
def test_each_problem_is_its_error(sespan, staff, status, slug, error):
    sespan.fail = [problem(status, slug)]
    with pytest.raises(error):
        staff.key_revoke(ID)
