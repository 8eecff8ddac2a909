"""The pages of docs/access.md: each is opened by somebody of each group and by nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from django_sespan import urls
from django_sespan._internal import groups
from people import group

pytestmark = pytest.mark.django_db

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"
# Django's own log of what the admin did; nobody of People is deleted, there is nothing.
NO_PAGES = ("_history", "_access_delete")
COLUMNS = ("report", "dashboard", "admin", "other", "nobody")
SUPERUSER = "superuser"
"""Has every role, and so what an admin has."""


def matrix(kind):
    """Read the table whose first heading is kind, as the tests in Go do."""
    found, headings = {}, None
    for line in DOCUMENT.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            headings = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == kind:
            headings = cells[1:]
        elif headings and not cells[0].startswith("---"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                assert name not in found, f"two lines for {name}"
                found[name] = dict(zip(headings, cells[1:], strict=True))
    return found


def pages():
    """Give name and address of every page of ours."""
    found = {}

    def add(prefix, pattern):
        converters = pattern.pattern.converters
        kwargs = {name: 1 if name.endswith("_id") else "1" for name in converters}
        if pattern.pattern.regex.groups > len(converters):  # the admin's old-style addresses
            return
        name = f"{prefix}{pattern.name}"
        found[name] = reverse(name, kwargs=kwargs)

    for pattern in urls.urlpatterns:
        add(f"{urls.app_name}:", pattern)
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label == "sespan":
            for pattern in model_admin.get_urls():
                if pattern.name and not pattern.name.endswith(NO_PAGES):
                    add("admin:", pattern)
    return found


def visitor(client, column):
    """Log the client in as somebody of this column; staff, so that the admin opens."""
    if column == "nobody":
        return client
    list(groups.make())
    if column == SUPERUSER:
        client.force_login(User.objects.create_superuser("root", "root@example.com", "x"))
        return client
    user = User.objects.create_user(column, f"{column}@example.com", "x", is_staff=True)
    if column != "other":
        user.groups.add(group(column))
    client.force_login(user)
    return client


def let_in(client, address):
    """Whether the page was opened, whatever it then had to say; some take a POST alone."""
    answer = client.get(address)
    if answer.status_code == 405:
        answer = client.post(address)
    sent_to_login = answer.status_code == 302 and "login" in answer["Location"]
    return answer.status_code not in {401, 403} and not sent_to_login


def test_each_page_has_its_line():
    assert set(matrix("page")) == set(pages())


@pytest.mark.parametrize("column", [*COLUMNS, SUPERUSER])
def test_each_page_opens_for_whom_the_matrix_says(client, column, signing_key):
    client = visitor(client, column)
    lines, heading = matrix("page"), "admin" if column == SUPERUSER else column
    opened = {name: let_in(client, address) for name, address in pages().items()}
    assert opened == {name: lines[name][heading] == "yes" for name in opened}
