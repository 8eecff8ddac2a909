"""The bar over the pages for staff: it leads where the person may go."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from people import person

pytestmark = pytest.mark.django_db


def bar(user):
    request = RequestFactory().get("/account/dashboard/")
    request.user = user
    return Template("{% load sespan %}{% sespan_staff_bar %}").render(Context({"request": request}))


def test_it_has_the_sites_name(settings):
    adi = person("adi", "admin")
    assert ">testserver</a>" in bar(adi)
    settings.SESPAN = {**settings.SESPAN, "BRAND": {"NAME": "Toko Kopi"}}
    assert ">Toko Kopi</a>" in bar(adi)


def test_each_role_has_its_pages():
    shown = bar(person("dewi", "dashboard"))
    assert "Reports" not in shown
    assert "Administration" not in shown
    assert "dewi" in shown
    assert "Administration" in bar(person("adi", "admin", is_staff=True))
    assert "<li>" not in bar(person("budi"))
