"""The transaction log."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.columns import key_column, money_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.models import TransactionLog

KEY = key_column(TransactionLog, "transaction_id")
AMOUNT = money_column(TransactionLog, "transaction_amount")
TO_PAY = money_column(TransactionLog, "discounted_amount")


@admin.register(TransactionLog)
class TransactionLogAdmin(PersonalAdmin):
    """What was drawn for whom."""

    audit_subject = "transaction"
    list_display = [
        KEY,
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
        KEY,
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

    readonly_fields = [KEY, AMOUNT, TO_PAY]

    @admin.display(description=_("tier"), ordering="tier_id")
    def tier_number(self, row: TransactionLog) -> str | None:
        """Show the key only: the tier may be deleted."""
        return None if row.tier_id is None else str(row.tier_id)
