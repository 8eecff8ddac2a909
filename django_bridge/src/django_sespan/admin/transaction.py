"""The transaction log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.money import money
from django_sespan._internal.words import LIMITS, word
from django_sespan.adapter import get_adapter
from django_sespan.admin import links
from django_sespan.admin.columns import key_column, moment_column, money_column
from django_sespan.admin.personal import PersonalAdmin, is_key
from django_sespan.models import TransactionLog, TransactionTier

KEY = key_column(TransactionLog, "transaction_id")
AMOUNT = money_column(TransactionLog, "transaction_amount")
TO_PAY = money_column(TransactionLog, "discounted_amount")
TIME = moment_column(TransactionLog, "transaction_time")


@admin.register(TransactionLog)
class TransactionLogAdmin(PersonalAdmin):
    """What was drawn for whom."""

    audit_subject = "transaction"
    list_display = ["order_ref", "customer_name", "tier_name", AMOUNT, "result", TO_PAY, TIME]
    list_filter = ["discounted", "transaction_time"]
    search_fields = ["order_ref"]
    search_help_text = _("order, or name, address or number of a customer")
    fields = [
        "order",
        "customer_name",
        "username",
        "tier_name",
        AMOUNT,
        "result",
        TO_PAY,
        TIME,
        "see_also",
        "draw_epoch",
        KEY,
    ]

    readonly_fields = [
        KEY,
        AMOUNT,
        TO_PAY,
        TIME,
        "order",
        "customer_name",
        "tier_name",
        "result",
        "see_also",
    ]

    def exactly(self, term: str) -> Q | None:
        """Nothing is a number only: an order may have one for its name."""
        return None

    def of_people(self, request: HttpRequest, term: str) -> Q | None:
        """Find the order of this name, too; both have an index."""
        order = Q(order_ref=term)
        if is_key(term):
            return order | Q(customer_id=int(term))
        people = super().of_people(request, term)
        return order if people is None else order | people

    def complete(self, request: HttpRequest, rows: list[TransactionLog]) -> None:
        """Add the names of the tiers."""
        super().complete(request, rows)
        keys = {row.tier_id for row in rows if row.tier_id is not None}
        tiers = TransactionTier._default_manager.using(self.using).in_bulk(keys) if keys else {}
        for row in rows:
            row.drawn = tiers.get(row.tier_id)  # type: ignore[attr-defined]

    def related(self, row: Any) -> list[links.Link | None]:
        """Lead to the proof of the draw, and to the mails about the order."""
        proof = links.to_page("reports-transaction", row.pk, _("The draw, and what proves it"))
        mails = links.to_list(
            row.request, "mailmessage", row.order_ref, _("Mails about this order"), "subject"
        )
        return [proof, mails]

    @admin.display(description=_("order"))
    def order(self, row: Any) -> str:
        """Show the order; its name leads to the site's page of it, where there is one."""
        url = get_adapter().order_url(row.request, row.order_ref)
        return format_html('<a href="{}">{}</a>', url, row.order_ref) if url else row.order_ref

    @admin.display(description=_("customer"), ordering="customer_id", empty_value="–")
    def customer_name(self, row: Any) -> str | None:
        """Show who it is, or was."""
        return links.name_of(row.who, row.username)

    @admin.display(description=_("tier"), ordering="tier_id")
    def tier_name(self, row: Any) -> str:
        """Show its name; the tier may be deleted."""
        if row.tier_id is None:
            return gettext("no tier applied")
        if row.drawn is None:
            return gettext("tier %(number)s, deleted") % {"number": row.tier_id}
        if not row.request.user.has_perm("sespan.view_transactiontier"):
            return str(row.drawn.name)
        link = links.to_row(row.request, "transactiontier", row.tier_id, row.drawn.name)
        return links.written([link])

    @admin.display(description=_("result"), ordering="discounted")
    def result(self, row: TransactionLog) -> str:
        """Say what the customer saved, or why nothing."""
        if row.discounted:
            saved = row.transaction_amount - row.discounted_amount
            return gettext("Won: %(saved)s less") % {"saved": money(saved)}
        if row.capped_by:
            return word(row.capped_by, LIMITS)
        return gettext("No discount")
