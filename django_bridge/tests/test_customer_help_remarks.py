"""The page Help for customers says what `sespan customer why` says: one table holds both."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from django_sespan._internal import customer_help
from django_sespan.admin.customer_help.remarks import remarks

pytestmark = pytest.mark.django_db

VECTORS = json.loads(
    (Path(__file__).parents[2] / "internal/cli/testdata/customer_help_vectors.json").read_text()
)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_page_keeps_to_the_table(case):
    user = User(
        username="budi",
        email=case.get("email", "budi@example.com"),
        is_active=case.get("is_active", False),
        last_login=datetime(2026, 4, 1, tzinfo=UTC) if case.get("logged_in") else None,
    )
    state = {**VECTORS["base"], **case["help"]}
    if state.get("shared_address"):
        User.objects.create(username="other", email=user.email.upper())
    with translation.override("en"):
        found = remarks(user, user.email, customer_help.facts(state))
        tones = [remark.word.lower() for remark in found]
    assert tones == [tone for tone, _name in case["remarks"]], found
    for remark, (_tone, name) in zip(found, case["remarks"], strict=True):
        assert VECTORS["remarks"][name][0] in remark.text
