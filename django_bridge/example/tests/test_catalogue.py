from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from catalogue.stock_list import ITEMS
from catalogue.templatetags.rupiah import rupiah

STATIC = Path(__file__).parents[1] / "static" / "shop"
TEMPLATES = Path(__file__).parents[1] / "templates"


def test_list_shows_what_is_listed(client, make_product):
    make_product("gayo", name="Aceh Gayo")
    make_product("kettle", name="Gooseneck", category="gear")
    make_product("old", name="Old Stock", is_listed=False)
    page = client.get("/").content.decode()
    assert "Aceh Gayo" in page
    assert "Gooseneck" in page
    assert "Old Stock" not in page
    assert "Rp\N{NO-BREAK SPACE}100.000" in page


def test_shelves_show_their_own(client, make_product):
    make_product("gayo", name="Aceh Gayo")
    make_product("kettle", name="Gooseneck", category="gear")
    assert "Gooseneck" not in client.get("/coffee/").content.decode()
    assert "Aceh Gayo" not in client.get("/gear/").content.decode()


def test_sold_out_product_cannot_be_bought(client, make_product):
    make_product("bottle", stock=0)
    page = client.get("/product/bottle/").content.decode()
    assert "Sold out" in page
    assert "/cart/add/" not in page


@pytest.mark.parametrize("path", ["/product/nothing/", "/product/old/", "/nowhere/"])
def test_missing_page_looks_like_the_shop(client, make_product, path):
    make_product("old", is_listed=False)
    response = client.get(path)
    assert response.status_code == 404
    assert "Toko Kopi" in response.content.decode()


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("150000.00"), "150.000"),
        (Decimal("1234567.5"), "1.234.568"),
        (0, "0"),
        (Decimal(-45000), None),
        ("75000.00", "75.000"),
    ],
)
def test_rupiah(amount, text):
    expected = "−Rp\N{NO-BREAK SPACE}45.000" if text is None else f"Rp\N{NO-BREAK SPACE}{text}"
    assert rupiah(amount) == expected


def test_rupiah_of_nothing():
    assert rupiah(None) == rupiah("") == ""


def test_each_product_has_its_picture():
    assert {item.picture for item in ITEMS} == {p.name for p in (STATIC / "products").iterdir()}


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.svg")), ids=lambda file: file.stem)
def test_pictures_are_well_formed_and_self_contained(file):
    ET.parse(file)
    text = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text
    assert "<script" not in text


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("*.html")), ids=lambda file: file.name)
def test_templates_have_nothing_inline(file):
    text = file.read_text()
    assert not re.search(r"\son[a-z]+=|<style|javascript:", text)
    # Mail programs read no stylesheets: a mail's style stands beside its words.
    assert file.parent.name == "mail" or not re.search(r"\sstyle=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "//" not in re.sub(r"\{\{ protocol \}\}://", "", text)
