"""The audit: who changed or read what, through what and from where."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import ACTIONS, SUBJECTS, WAYS
from django_sespan.models.customer import words


class AuditEntry(models.Model):
    """A row of `sespan.audit`, which nobody changes."""

    audit_id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("time"))
    actor = models.TextField(_("who"))
    actor_id = models.TextField(_("key of the person"), null=True)
    login = models.TextField(_("database login"))
    way = models.TextField(_("way"), choices=words(WAYS))
    address = models.GenericIPAddressField(_("address"), null=True)
    action = models.TextField(_("action"), choices=words(ACTIONS))
    subject = models.TextField(_("kind"), choices=words(SUBJECTS))
    subject_id = models.TextField(_("which"), null=True)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    # bigint[]: the driver gives a list. An ArrayField would ask the site for another app.
    ids = models.TextField(_("mails"))
    detail = models.TextField(_("detail"), null=True)

    class Meta:
        managed = False
        db_table = 'sespan"."audit'
        default_permissions = ()
        ordering = ["-at", "-audit_id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")

    def __str__(self) -> str:
        return f"{self.action} {self.subject} {self.subject_id or ''}".strip()

    def differences(self) -> list[tuple[str, object, object]]:
        """Return (name, before, after) of what differs."""
        before, after = (v if isinstance(v, dict) else {} for v in (self.before, self.after))
        names = sorted(before.keys() | after.keys())
        return [(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]
