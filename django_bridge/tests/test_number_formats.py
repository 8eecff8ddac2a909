"""A number for a script, an id or an address never goes through the site's number format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import Context, Engine
from django.test import override_settings

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted(
    [*ROOT.glob("src/django_sespan/templates/**/*.html"), *ROOT.glob("example/templates/**/*.html")]
)
ATTRIBUTE = re.compile(r'[a-z-]+="([^"<>]*\{\{.*?\}\}[^"<>]*)"')
NUMBERS = re.compile(r"(^|[._])(pk|id|key|number|quantity|page|limit|resend_in)$")
"""Names of what may be a number; texts and addresses are named otherwise."""
TEXTS = {"made.key", "sale.customer_id", "number"}  # the last of a blocktranslate, plain there
NAMES = ("auto_id", "id_for_label")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_numbers_in_attributes_are_plain(path):
    for value in ATTRIBUTE.findall(path.read_text("utf-8")):
        for expression in re.findall(r"\{\{\s*(.+?)\s*\}\}", value):
            name, *filters = expression.split("|")
            if NUMBERS.search(name) and name not in TEXTS and not name.endswith(NAMES):
                assert "unlocalize" in filters, f"{path.name}: {expression}"


@override_settings(USE_THOUSAND_SEPARATOR=True, LANGUAGE_CODE="de")
def test_the_countdown_of_an_hour():
    """Where a site groups its thousands, 3,295 seconds are no three."""
    text = (ROOT / "src/django_sespan/templates/django_sespan/code.html").read_text("utf-8")
    button = re.search(r"<button[^>]*data-sespan-resend[^>]*>", text).group(0)
    engine = Engine(libraries={"l10n": "django.templatetags.l10n"})
    template = engine.from_string("{% load l10n %}" + button)
    assert 'data-seconds="3295"' in template.render(Context({"resend_in": 3295}))
