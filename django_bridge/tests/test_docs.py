"""The tables of docs/django.md and docs/django-operations.md have what the app has, both ways."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.dispatch import Signal

from django_sespan import errors, signals
from django_sespan.adapter import Adapter
from django_sespan.conf import KEYS
from django_sespan.mail.options import CHECKS

DOCS = Path(__file__).parents[2] / "docs"


def names(page, heading, until="\n\n"):
    """Return the names in the first cells of the first table below a heading."""
    table = (DOCS / page).read_text().split(heading, 1)[1].split("\n|---", 1)[1].split(until, 1)[0]
    cells = [row.split(" | ")[0] for row in table.splitlines()[1:]]
    return [name for cell in cells for name in re.findall(r"`(\w+)", cell)]


def test_settings():
    shown = names("django.md", "\n## Settings\n")
    assert sorted(shown) == sorted(KEYS)


def test_hooks():
    hooks = {name for name in vars(Adapter) if not name.startswith("_")}
    assert set(names("django.md", "**Adapter**")) == hooks


def test_signals():
    sent = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert set(names("django.md", "**Signals**")) == sent
    documented = set(re.findall(r"^(\w+) +\(sender", signals.__doc__, re.MULTILINE))
    assert documented == sent


def test_options_of_a_mail():
    assert set(names("django.md", "What a mail needs beyond that")) == set(CHECKS)


def test_commands():
    """Each command with each option of its own, and no other."""
    table = (DOCS / "django-operations.md").read_text().split("\n## Commands\n", 1)[1]
    table = table.split("\n## ", 1)[0]
    shown = {
        name: set(re.findall(r"--[a-z-]+", rest))
        for name, rest in re.findall(r"^\| `manage\.py (\w+)([^`]*)`", table, re.MULTILINE)
    }
    common = {
        option
        for action in BaseCommand().create_parser("manage.py", "x")._actions
        for option in action.option_strings
    }
    ours = {}
    for name, app in get_commands().items():
        if app == "django_sespan":
            parser = load_command_class(app, name).create_parser("manage.py", name)
            options = {o for action in parser._actions for o in action.option_strings}
            ours[name] = {o for o in options - common if o.startswith("--")}
    assert shown == ours


def test_problems():
    """What the client raises for a problem of the service is a problem that it has."""
    page = (DOCS / "errors.md").read_text()
    problems = set(re.findall(r"^\| `([a-z-]+)` \| \d{3} \|", page, re.MULTILINE))
    ours = {"registration-replaced"}  # the bridge's own: the service never answers it
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    raised = {slug for slug in (getattr(cls, "slug", "") for cls in classes) if slug}
    assert raised - ours <= problems
