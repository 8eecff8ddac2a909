"""The transaction log: one row per order that was drawn."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_sespan.models.customer import customer_key
from django_sespan.models.tier import TransactionTier


class TransactionLog(models.Model):
    """A row of `sespan.transaction_log`. Customer and tier may be gone; the row stays."""

    transaction_id = models.BigAutoField(primary_key=True)
    customer = customer_key()
    username = models.TextField(_("user name then"), null=True)
    order_ref = models.TextField(_("order"))
    tier = models.ForeignKey(
        TransactionTier,
        models.DO_NOTHING,
        verbose_name=_("tier"),
        db_constraint=False,
        related_name="+",
        null=True,
    )
    discounted = models.BooleanField(_("discounted"))
    transaction_amount = models.DecimalField(_("amount"), max_digits=19, decimal_places=4)
    discounted_amount = models.DecimalField(_("to pay"), max_digits=19, decimal_places=4)
    transaction_time = models.DateTimeField(_("time"))
    capped_by = models.TextField(_("lost to the limit"), null=True)
    draw_epoch = models.DateField(_("day of the draw (UTC)"))

    class Meta:
        managed = False
        db_table = 'sespan"."transaction_log'
        ordering = ["-transaction_id"]
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")

    def __str__(self) -> str:
        return self.order_ref
