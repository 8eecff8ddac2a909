"""The recipes for django-oscar, in its real registration and checkout. It has Django 5.2."""

from __future__ import annotations

from recipes import ran, recipes, run_tests, site

NON_ATOMIC = """
from django.db import transaction
from django.utils.decorators import method_decorator

for view in (AccountRegistrationView, AccountAuthView):
    method_decorator(transaction.non_atomic_requests, name="dispatch")(view)
"""
"""What the page says of ATOMIC_REQUESTS."""


def test_oscar(tmp_path):
    shop, blocks = site("oscar", tmp_path), recipes()
    (shop / "customer" / "views.py").write_text(blocks["oscar"] + NON_ATOMIC)
    (shop / "customer" / "forms.py").write_text(blocks["oscar-reset"])
    checkout = blocks["oscar-checkout"] + blocks["oscar-order"]
    (shop / "checkout" / "views.py").write_text(checkout)
    (shop / "templates" / "box.html").write_text(blocks["oscar-box"])
    assert ran(run_tests(shop)) >= 10
