"""The key to the site's user."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import Words


def words(values: Words) -> list[tuple[str, str | Promise]]:
    """Return a closed list of the service's words as choices.

    With choices the admin's filter needs no SELECT DISTINCT over a log of millions of rows.
    """
    return list(values.items())


def customer_key(**options: Any) -> models.ForeignKey[Any, Any]:
    """Return a key without constraint that no deletion follows: the row may outlive the user."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        verbose_name=_("customer"),
        db_column="customer_id",
        db_constraint=False,
        related_name="+",
        null=True,
        **options,
    )
