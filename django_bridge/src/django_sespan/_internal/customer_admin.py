"""The page of a customer in the site's administration, for whoever may see it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse

from django_sespan._internal.accounts import with_key


def customer_url(viewer: Any, customer_id: str) -> str:
    """Return its address; empty without the right, without such a page, or without the customer."""
    url = page_of(viewer, customer_id)
    try:
        there = bool(url) and with_key(customer_id) is not None
    except (ValueError, TypeError, ValidationError):
        return ""
    return url if there else ""


def page_of(viewer: Any, customer_id: Any) -> str:
    """Return the address of the page of a customer who is there; empty without right or page."""
    model = get_user_model()
    label, name = model._meta.app_label, model._meta.model_name
    rights = [
        f"{label}.{get_permission_codename(action, model._meta)}" for action in ("view", "change")
    ]
    if not viewer.is_staff or not any(viewer.has_perm(right) for right in rights):
        return ""
    try:
        return reverse(f"admin:{label}_{name}_change", args=[customer_id])
    except NoReverseMatch:
        return ""
