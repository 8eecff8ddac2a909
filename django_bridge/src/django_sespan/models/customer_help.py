"""The permission to help a customer who is not let in. There is no such table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan.models.no_rows import NoRows


class CustomerHelp(models.Model):  # noqa: DJ008  (there are no rows)
    """Carries the permission; the admin shows the page Help for customers under its name."""

    objects = NoRows()

    class Meta:
        base_manager_name = "objects"
        managed = False
        default_permissions = ()
        permissions = [
            ("help_customer", _("May see why a customer gets no mail, and let that customer in")),
        ]
        verbose_name = _("help for a customer")
        verbose_name_plural = _("help for customers")
