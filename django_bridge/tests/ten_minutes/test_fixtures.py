"""`dumpdata`, `flush` and `loaddata` beside Sespan, with the handbook's commands."""

from __future__ import annotations

import json

import pytest

from ten_minutes import projects
from ten_minutes.steps import follow, registers

PEOPLE = "SELECT username, is_active FROM auth_user ORDER BY 1"


@pytest.fixture(scope="module")
def site(make_site, blocks):
    """A shop with two customers and the groups of the staff."""
    made = make_site(projects.fresh)
    follow(made, blocks, has_pages=False)
    made.rows(
        "INSERT INTO auth_user (username, email, password, is_active, date_joined, is_staff,"
        " is_superuser, first_name, last_name)"
        " SELECT n, n || '@example.com', '!', n = 'wulan', now(), false, false, '', ''"
        " FROM unnest(ARRAY['wulan', 'waits']) n"
    )
    return made


def test_the_handbooks_commands(site, blocks):
    people = site.rows(PEOPLE)
    members = (
        "SELECT g.name, p.codename FROM auth_group g JOIN auth_group_permissions x ON"
        " x.group_id = g.id JOIN auth_permission p ON p.id = x.permission_id ORDER BY 1, 2"
    )
    rights = site.rows(members)
    assert rights  # of the groups of the staff
    refused = site.run("python manage.py flush --no-input", code=1)
    assert "couldn't be flushed" in refused
    assert site.rows(PEOPLE) == people
    for command in blocks["fixtures"].commands():
        printed = site.run(command)
        if "flush" in command:
            assert site.rows(PEOPLE) == []
    assert "public.auth_user is bound" in printed
    assert site.rows(PEOPLE) == people
    assert site.rows(members) == rights
    models = {row["model"] for row in json.loads((site.folder / "site.json").read_text())}
    assert "auth.user" in models
    assert not any(model.startswith("sespan.") for model in models)
    registers(site, "later", "auth_user")


def test_without_the_exclusions_the_log_comes_along(site):
    whole = site.run("python manage.py dumpdata --verbosity 0 --output whole.json")
    models = {row["model"] for row in json.loads((site.folder / "whole.json").read_text())}
    assert {"sespan.apilog", "sespan.mailmessage"} <= models, whole
    assert "sespan.access" not in models  # which has no table
    assert "Error" in site.run("python manage.py loaddata whole.json", code=1)


def test_who_comes_by_a_fixture_has_no_right_to_be_activated(site):
    rights = "SELECT count(*) FROM sespan.otp_activation a JOIN auth_user u ON u.id = customer_id"
    assert site.rows(f"{rights} WHERE username = 'waits'") == [(0,)]
