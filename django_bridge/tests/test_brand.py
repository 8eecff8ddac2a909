"""The frame of a site's mails, and pages that leave a site's own look alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string

from django_sespan._internal.brand import brand, text_on
from django_sespan.checks.settings import check_settings

APP = Path(__file__).parents[1] / "src" / "django_sespan"
PAGES = sorted((APP / "templates").rglob("*.html"))


def with_brand(settings, **brand):
    settings.SESPAN = settings.SESPAN | {"BRAND": brand}


def test_a_mail_of_the_site_has_name_colour_and_logo(settings):
    with_brand(
        settings, NAME="Toko <Kopi>", COLOR="#f0c890", LOGO="https://shop.example/l.png?a=1&b"
    )
    page = Template(
        '{% extends "django_sespan/mail/base.html" %}{% block content %}<p>Hello</p>'
        '{% include "django_sespan/mail/button.html" with url="/o/" text="See" %}{% endblock %}'
    ).render(Context())
    assert 'src="https://shop.example/l.png?a=1&amp;b"' in page
    assert "Toko &lt;Kopi&gt;" in page
    assert "background-color:#f0c890" in page
    assert "color:#000000" in page
    assert "<p>Hello</p>" in page
    with_brand(settings, NAME="Toko")
    assert "<img" not in render_to_string("django_sespan/mail/base.html")


def test_without_a_brand_it_is_the_sender(settings):
    settings.DEFAULT_FROM_EMAIL = "Toko Kopi <toko@example.com>"
    assert brand().name == "Toko Kopi"
    assert (text_on("#2f6b54"), text_on("#ffffff")) == ("#ffffff", "#000000")


@pytest.mark.parametrize(
    "wrong",
    [
        {"BRAND": "x"},
        {"BRAND": {"COLOUR": "#000000"}},
        {"BRAND": {"COLOR": "red"}},
        {"BRAND": {"LOGO": "logo.png"}},
        {"CURRENCY": "Rp"},
        {"CURRENCY": 7},
    ],
)
def test_a_wrong_brand_or_currency_is_found(settings, wrong):
    settings.SESPAN = settings.SESPAN | wrong
    assert "sespan.E010" in [found.id for found in check_settings()]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(APP / "templates")))
def test_a_page_keeps_what_the_site_s_base_has(path):
    """A base template of the site has scripts and styles of its own in these blocks."""
    blocks = r"{% block (?:scripts|head|extrahead|extrastyle) %}(.*?){% endblock"
    for block in re.findall(blocks, path.read_text(), re.DOTALL):
        assert not block.strip() or "{{ block.super }}" in block


def test_the_stylesheet_of_the_pages_is_of_our_things_alone():
    """No rule of it reaches the body, the root or a bare element of a site's own frame."""
    css = (APP / "static" / "django_sespan" / "pages.css").read_text()
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    selectors = re.findall(r"(?:^|[{}])\s*([^{}@]+?)\s*\{", css)
    assert len(selectors) > 20
    strange = [s for s in selectors if any(".sespan-" not in one for one in split(s))]
    assert strange == []


def split(selectors):
    """Split a list of selectors at its commas, not at those within brackets."""
    return re.split(r",(?![^()]*\))", selectors)
