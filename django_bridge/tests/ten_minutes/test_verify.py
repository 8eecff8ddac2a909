"""What `sespan_verify` says when something is wrong, and that it changes nobody."""

from __future__ import annotations

import json

import pytest

from ten_minutes.steps import passed_steps, registers
from ten_minutes.visitor import Visitor, code_in

CHANGES = """
import json, os
SESPAN |= json.loads(os.environ.get("CHANGES", "{}"))
"""


@pytest.fixture(scope="module")
def site(fresh):
    fresh.append("shop/settings.py", CHANGES)
    return fresh


def verify(site, *options, code=0, typed="", **changes):
    site.environ["CHANGES"] = json.dumps(changes)
    command = " ".join(["python manage.py sespan_verify --to", *(options or ["me@example.com"])])
    return site.run(command, code=code, typed=typed)


@pytest.mark.parametrize(
    ("changes", "wrong", "remedy"),
    [
        ({"KEY": "", "KEY_FILE": ""}, "sespan.E004", "sespan keys create"),
        ({"KEY": f"sk_{'a' * 12}_{'b' * 43}"}, "refuses SESPAN['KEY'] (HTTP 401)", "sespan keys"),
        ({"URL": "http://127.0.0.1:1"}, "does not answer (ConnectError)", "sespan serve"),
        ({"URL": "http://127.0.0.1:8025"}, "is not Sespan", "Correct SESPAN['URL']"),
        ({"DATABASE": "nowhere"}, "sespan.E005", "Known aliases"),
    ],
)
def test_wrong_settings(site, changes, wrong, remedy):
    changes = {name: site.adapted(value) for name, value in changes.items()}
    printed = verify(site, code=1, **changes)
    assert "WRONG" in printed
    assert wrong in printed
    assert remedy in printed.partition("To fix it: ")[2]
    assert "b" * 43 not in printed


def test_switched_off(site):
    printed = verify(site, ENABLED=False)
    assert passed_steps(printed) == ["settings", "database", "queue", "mail"]
    assert "not called: SESPAN['ENABLED'] is False" in printed


def test_no_schema_no_rights_no_binding(site):
    role = f"{site.name}_producer"
    site.rows(f"REVOKE {role} FROM {site.name}")
    printed = verify(site, code=1)
    assert "sespan.W017: The site's login may not use sespan.mail_enqueue" in printed
    assert f"GRANT {role} TO {site.name}" in printed
    site.rows(f"GRANT {role} TO {site.name}")
    site.run(f"sespan unbind --database-url '{site.database_url()}'")
    printed = verify(site, code=1)
    assert "sespan.W013" in printed
    assert "sespan bind-customers --table public.auth_user" in printed
    site.run(f"sespan bind-customers --database-url '{site.database_url()}'")
    site.rows("ALTER SCHEMA sespan RENAME TO elsewhere")
    try:
        assert "sespan.W010" in verify(site, code=1)
    finally:
        site.rows("ALTER SCHEMA elsewhere RENAME TO sespan")


def test_without_a_look_at_the_queue(site):
    for role in ("reader_detail", "admin"):
        site.rows(f"REVOKE {site.name}_{role} FROM {site.name}")
    try:
        printed = verify(site, "blind@example.com")
    finally:
        for role in ("reader_detail", "admin"):
            site.rows(f"GRANT {site.name}_{role} TO {site.name}")
    assert "this login may not look at the queue" in printed


def test_the_code_that_arrived(site):
    before = site.rows("SELECT * FROM auth_user ORDER BY id")
    verify(site, "typing@example.com")
    code = code_in(Visitor(site).mails("typing@example.com", 2)[-1])
    wrong = verify(site, "typing@example.com --code", typed="000000\n", code=1)
    assert "That is not the code." in wrong
    correct = verify(site, "typing@example.com --code", typed=f"{code}\n")
    assert "typed     the code is correct" in correct
    assert code not in wrong + correct
    assert site.rows("SELECT * FROM auth_user ORDER BY id") == before


def test_a_customers_address(site):
    registers(site, "joko", "auth_user")
    site.rows("DELETE FROM sespan.budget RETURNING 1")  # the minute after its code is over
    before = site.rows("SELECT * FROM auth_user ORDER BY id")
    printed = verify(site, "Joko@example.com")
    assert "purpose login (customer " in printed
    assert site.rows("SELECT * FROM auth_user ORDER BY id") == before


def test_no_address(site):
    assert "is not an e-mail address" in verify(site, "nobody", code=1)
