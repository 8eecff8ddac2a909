"""Service keys. They are listed, made and revoked over HTTP by the page Keys."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """Stands for the page Keys in the admin; a row of `sespan.api_key`, whose hash nobody reads."""

    key_id = models.CharField(primary_key=True, max_length=12)
    name = models.TextField(_("name"))

    class Meta:
        managed = False
        db_table = 'sespan"."api_key'
        default_permissions = ()
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.name
