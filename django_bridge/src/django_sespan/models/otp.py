"""One-time codes: who got one, for what, and what became of it. Never the code or its hash."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.words import CODE_STATUSES, PURPOSES, word
from django_sespan.models.customer import customer_key, words


class Otp(models.Model):
    """A row of `sespan.otp`; `challenge_id` is shared by the codes of one challenge."""

    otp_id = models.BigAutoField(primary_key=True)
    customer = customer_key()
    email = models.TextField(_("e-mail"))
    purpose = models.TextField(_("purpose"), choices=words(PURPOSES))
    status = models.TextField(_("status"), choices=words(CODE_STATUSES))
    challenge_id = models.UUIDField(_("challenge"))
    created_at = models.DateTimeField(_("created"))
    valid_until = models.DateTimeField(_("valid until"))

    class Meta:
        managed = False
        db_table = 'sespan"."otp'
        ordering = ["-otp_id"]
        verbose_name = _("one-time code")
        verbose_name_plural = _("one-time codes")
        permissions = [
            ("revoke_activation", "Can end a customer's right to become active by a code")
        ]

    def __str__(self) -> str:
        return f"{word(self.purpose, PURPOSES)}: {self.email}"
