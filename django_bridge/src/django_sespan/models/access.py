"""The three permissions from which a person's roles follow. There is no such table."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan.models.no_rows import NoRows


class Access(models.Model):
    """Carries the permissions; the admin shows the page People under its name."""

    objects = NoRows()

    class Meta:
        base_manager_name = "objects"
        managed = False
        default_permissions = ()
        permissions = [
            ("administer", _("May change tiers, mails, people and keys: the role admin")),
            ("view_dashboard", _("May see the dashboard: the role dashboard")),
            ("view_reports", _("May see and download transactions: the role report")),
        ]
        verbose_name = _("person")
        verbose_name_plural = _("people")
