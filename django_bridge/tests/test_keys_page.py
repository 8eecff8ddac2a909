"""The page Keys: what is sent as whom, and that a key is shown once."""

from __future__ import annotations

import httpx
import pytest

from fake import problem
from people import person

pytestmark = pytest.mark.django_db

URL = "/account/keys/"
ROW = {
    "key_id": "abcdefghij12",
    "role": "report",
    "name": "Books <b>",
    "owner_id": None,
    "owner_name": None,
    "state": "active",
    "created_at": "2026-11-01T00:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-11-02T00:00:00Z",
}
ONE = f"/v1/keys/{ROW['key_id']}"


@pytest.fixture(autouse=True)
def service(sespan, signing_key):
    made = {**ROW, "key": "sk_whole_secret"}
    sespan.answers["GET", "/v1/keys"] = {"keys": [ROW, {**ROW, "state": "revoked"}]}
    sespan.answers["POST", "/v1/keys"] = lambda r: httpx.Response(201, json=made)
    sespan.answers["POST", f"{ONE}/rotate"] = lambda r: httpx.Response(201, json=made)
    sespan.answers["DELETE", ONE] = lambda r: httpx.Response(204)
    return sespan


def changes(service):
    return [call[:3] for call in service.calls if "keys" in call[1] and call[0] != "GET"]


@pytest.mark.parametrize(
    ("role", "days", "body"),
    [
        ("report", "30", {"name": "x", "role": "report", "own": True, "expires_in_days": 30}),
        ("admin", "", {"name": "x", "role": "service", "own": False}),
    ],
)
def test_a_key_is_made_and_shown_once(client, service, role, days, body):
    client.force_login(person("ani", role))
    form = {"action": "create", "name": "x", "role": "service", "expires_in_days": days}
    answer = client.post(URL, form)
    assert "sk_whole_secret" in answer.text
    assert "no-store" in answer["Cache-Control"]
    assert "sk_whole_secret" not in client.get(URL).text
    assert changes(service) == [("POST", "/v1/keys", body)]


def test_a_report_person_is_bounded(client, service):
    client.force_login(person("ani", "report"))
    body = {"action": "create", "name": "x", "expires_in_days": "91"}
    assert "less than or equal to 90" in client.post(URL, body).text
    assert changes(service) == []


def test_rotate_and_revoke(client, service):
    client.force_login(person("ani", "admin"))
    body = {"key_id": ROW["key_id"], "action": "rotate", "overlap": "3600"}
    assert "sk_whole_secret" in client.post(URL, body).text
    assert client.post(URL, {"key_id": ROW["key_id"], "action": "revoke"}).status_code == 302
    assert changes(service) == [
        ("POST", f"{ONE}/rotate", {"overlap_seconds": 3600}),
        ("DELETE", ONE, {}),
    ]
    for nonsense in ("../tiers", "", "é"):
        answer = client.post(URL, {"key_id": nonsense, "action": "revoke"})
        assert answer.status_code in {200, 302}
    assert "Books &lt;b&gt;" in client.get(URL).text


def test_what_the_service_refuses_is_said(client, service):
    client.force_login(person("ani", "report"))
    service.fail = [problem(409, "conflict", detail="You have 10 keys. Revoke one first.")]
    answer = client.post(URL, {"action": "create", "name": "x", "expires_in_days": "9"})
    assert "Revoke one first." in answer.text


def test_away(client, service):
    client.force_login(person("ani", "report"))
    service.fail = [problem(503, "busy")]
    assert client.get(URL).status_code == 503


def test_others_and_the_admins_index(client):
    client.force_login(person("budi", "dashboard"))
    assert client.get(URL).status_code == 403
    client.force_login(person("ani", "admin", is_staff=True))
    assert client.get("/admin/sespan/apikey/")["Location"] == URL
