"""Keys of people at the real service: made on the page, used, and refused when the right ends."""

from __future__ import annotations

import re
import time
from io import StringIO

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from django_sespan import errors
from django_sespan._internal import people
from django_sespan._internal.staff import staff_token
from django_sespan.client import NewKey, get_client
from django_sespan.testing import current
from people import group

KEYS = "/account/keys/"
WITHIN = 10.0
"""Seconds within which a key is refused whose owner lost the right."""


@pytest.fixture
def hire(stack, site):
    """Make report people, gone after the test."""
    call_command("sespan_init", "--groups-only", stdout=StringIO())
    names = []

    def hire(name, role="report"):
        names.append(name)
        made = User.objects.create_user(name, f"{name}@example.com", "x")
        made.groups.add(group(role))
        return made

    yield hire
    User.objects.filter(username__in=names).delete()


def make_key(user):
    browser = Client()
    browser.force_login(user)
    once = re.search(r'name="once" value="([^"]+)"', browser.get(KEYS).text)[1]
    answer = browser.post(KEYS, {"name": "laptop", "days": "90", "once": once})
    assert answer.status_code == 201, answer.text
    return re.search(r'value="(sk_[^"]+)"', answer.text)[1]


def status(stack, key):
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"{stack.url}/v1/transactions", headers=headers, trust_env=False, timeout=5)
    return answer.status_code


def wait_until_refused(stack, key, began):
    """The service remembers a key for a moment."""
    while status(stack, key) != 401:
        assert time.monotonic() - began < WITHIN, "the key is still accepted"
        time.sleep(0.2)  # another program: it sends no signal


def lose_the_group(user):
    user.groups.clear()


def deactivate(user):
    user.is_active = False
    user.save()


def delete(user):
    user.delete()


def nobody_told(user):
    """Behind the signals' back; a page finds it when the last comparison is old."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    people.compare()


WAYS = [lose_the_group, deactivate, delete, nobody_told]


def test_a_key_ends_with_the_right(stack, hire):
    people_of = {end: hire(end.__name__) for end in WAYS}
    keys = {end: make_key(person) for end, person in people_of.items()}
    assert {status(stack, key) for key in keys.values()} == {200}
    for end, person in people_of.items():
        end(person)
    began = time.monotonic()
    for key in keys.values():
        wait_until_refused(stack, key, began)
        actions = stack.rows(
            "SELECT array_agg(action ORDER BY audit_id) FROM sespan.audit"
            " WHERE subject = 'key' AND subject_id = %s",
            [key.split("_")[1]],
        )
        assert len(actions[0][0]) == 2, "made and revoked, both in the audit"
        found = stack.rows("SELECT 1 FROM sespan.audit a WHERE a::text LIKE %s", [f"%{key[16:]}%"])
        assert not found


def test_rotate_and_revoke(stack, hire):
    rani = hire("rani")
    key = make_key(rani)
    browser = Client()
    browser.force_login(rani)
    url = f"{KEYS}{key.split('_')[1]}"
    once = re.search(r'name="once" value="([^"]+)"', browser.get(f"{url}/rotate/").text)[1]
    answer = browser.post(f"{url}/rotate/", {"once": once, "overlap": "300"})
    new = re.search(r'value="(sk_[^"]+)"', answer.text)[1]
    assert [status(stack, k) for k in (key, new)] == [200, 200]
    again = browser.get(f"{url}/rotate/").text
    once = re.search(r'name="once" value="([^"]+)"', again)[1]
    answer = browser.post(f"{url}/rotate/", {"once": once, "overlap": "0"})
    assert answer.status_code == 409
    assert "rotated before" in answer.text
    for old in (key, new):
        answer = browser.post(f"{KEYS}{old.split('_')[1]}/revoke/", follow=True)
        assert "is revoked." in answer.text
    began = time.monotonic()
    for old in (key, new):
        wait_until_refused(stack, old, began)


def observe(call, *arguments, **options):
    try:
        answer = call(*arguments, **options)
    except errors.SespanError as exc:
        return type(exc).__name__, exc.status
    key = answer.key if isinstance(answer, NewKey) else answer
    return key and (key.role, key.name, key.owner_name, key.state, key.expires_at is None)


def story(rani, adi):
    """What the roles report and admin may do, and what not."""
    client, boss = (get_client().as_staff(staff_token(person)) for person in (rani, adi))
    seen = [observe(client.key_create, role="report", name="mine")]
    seen += [observe(client.key_create, role=role, name="x") for role in ("admin", "service")]
    seen += [observe(client.key_create, role="report", name="x", expires_in_days=91)]
    seen += [observe(boss.key_create, role="service", name="till")]
    seen += [observe(boss.key_create, role="service", name="x", own=True)]
    seen_by_rani, seen_by_adi = client.keys(), boss.keys()
    own = [key.key_id for key in seen_by_rani]
    assert len(own) == 1
    machine = next(key.key_id for key in seen_by_adi if key.name == "till")
    seen += [observe(boss.key_rotate, own[0]), observe(client.key_rotate, machine)]
    seen += [observe(client.key_revoke, machine), observe(client.key_revoke, "abcdefghij12")]
    seen += [observe(client.key_rotate, own[0], overlap_seconds=60)]
    seen += [observe(client.key_rotate, own[0])]
    seen += [observe(boss.key_revoke, own[0]), observe(boss.key_revoke, own[0])]
    seen += [observe(client.key_rotate, own[0]), observe(get_client().keys)]
    seen += [observe(client.key_create, role="report", name="x") for _ in range(10)]
    left = client.keys()
    return [*seen, sorted(key.state for key in left)]


def test_in_memory_it_is_the_same(stack, hire, settings):
    rani, adi = hire("rani"), hire("adi", "admin")
    real = story(rani, adi)
    settings.SESPAN = {**settings.SESPAN, "FAKE": True}
    current().reset()
    assert story(rani, adi) == real
