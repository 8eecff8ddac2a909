"""Sespan in the Django admin: tiers and people to edit, everything else to read."""

from django_sespan.admin import (
    apilog,
    audit,
    customer_help,
    key,
    mail,
    otp,
    people,
    tier,
    transaction,
)

__all__ = [
    "apilog",
    "audit",
    "customer_help",
    "key",
    "mail",
    "otp",
    "people",
    "tier",
    "transaction",
]
