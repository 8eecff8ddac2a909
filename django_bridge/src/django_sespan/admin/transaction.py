"""The transaction log."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.columns import money_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.models import TransactionLog

AMOUNT = money_column(TransactionLog, "transaction_amount")
TO_PAY = money_column(TransactionLog, "discounted_amount")


@admin.register(TransactionLog)
class TransactionLogAdmin(PersonalAdmin):
    """What was drawn for whom."""

    audit_subject = "transaction"
    list_display = [
        "transaction_id",
        "order_ref",
        "username",
        "tier_number",
        AMOUNT,
        "discounted",
        TO_PAY,
        "transaction_time",
    ]
    list_filter = ["discounted", "transaction_time"]
    search_fields = ["order_ref", "username"]
    search_help_text = _("order or user name, whole")
    fields = [
        "transaction_id",
        "order_ref",
        "customer_number",
        "username",
        "tier_number",
        AMOUNT,
        "discounted",
        TO_PAY,
        "transaction_time",
        "capped_by",
        "draw_epoch",
    ]

    readonly_fields = [AMOUNT, TO_PAY]

    @admin.display(description=_("tier"), ordering="tier_id")
    def tier_number(self, row: TransactionLog) -> int | None:
        """Show the key only: the tier may be deleted."""
        return row.tier_id
