"""Sespan in the Django admin: tiers to edit, everything else to read."""

from django_sespan.admin import apilog, mail, otp, tier, transaction

__all__ = ["apilog", "mail", "otp", "tier", "transaction"]
