"""Staff pages of the orders."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalogue.templatetags.rupiah import rupiah
from orders.flows.cancel import cancel
from orders.flows.late_draw import find_draw, without_draw
from orders.flows.price import PriceUnavailableError
from orders.models import Order, OrderLine, State


class OrderLineInline(admin.TabularInline):
    """The frozen lines, for reading."""

    model = OrderLine
    fields = readonly_fields = ("product", "name", "price", "quantity")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Never: an order is frozen."""
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders are read here, shipped and cancelled; their prices cannot be edited."""

    list_display = (
        "order_ref",
        "customer",
        "state",
        "goods",
        "to_pay",
        "placed_at",
    )
    list_filter = ("state", "payment", "placed_at", ("transaction_id", admin.EmptyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("order_ref", "customer__email", "customer__username", "recipient")
    date_hierarchy = "created_at"
    inlines = (OrderLineInline,)
    actions = ("ship", "cancel", "look_for_draw")
    readonly_fields = (
        "order_ref",
        "customer",
        "state",
        "amount",
        "discounted_amount",
        "draw",
        "created_at",
        "placed_at",
    )
    fieldsets = (
        (None, {"fields": ("order_ref", "customer", "state", "created_at", "placed_at")}),
        (_("Price"), {"fields": ("amount", "discounted_amount", "draw")}),
        (
            _("Delivery"),
            {"fields": ("recipient", "phone_number", "street", "city", "postal_code", "payment")},
        ),
    )

    @admin.display(description=_("goods"), ordering="amount")
    def goods(self, order: Order) -> str:
        """Show the frozen amount."""
        return rupiah(order.amount)

    @admin.display(description=_("to pay"), ordering="discounted_amount")
    def to_pay(self, order: Order) -> str:
        """Show the price, nothing before the order is placed."""
        return rupiah(order.discounted_amount)

    @admin.display(description=_("draw"), empty_value="–")
    def draw(self, order: Order) -> str | None:
        """Lead to the draw of the order."""
        if order.transaction_id is None:
            return None
        url = reverse("admin:sespan_transactionlog_change", args=[order.transaction_id])
        return format_html('<a href="{}">{}</a>', url, order.transaction_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Orders are made by the checkout."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Orders are cancelled, not deleted."""
        return False

    @admin.action(description=_("Mark as shipped"), permissions=["change"])
    def ship(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Ship what has been placed."""
        count = queryset.filter(state=State.PLACED).update(state=State.SHIPPED)
        text = ngettext("%d order was shipped.", "%d orders were shipped.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(description=_("Cancel and put the goods back"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Cancel what has not been shipped."""
        count = sum(cancel(order) for order in queryset)
        text = ngettext("%d order was cancelled.", "%d orders were cancelled.", count) % count
        self.message_user(request, text, messages.SUCCESS)

    @admin.action(
        description=_("Look for the draw, where the full price was paid"), permissions=["change"]
    )
    def look_for_draw(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        """Ask Sespan what they would have cost: the shop refunds the difference, and never here."""
        for order in without_draw(queryset):
            try:
                refund = find_draw(order)
            except PriceUnavailableError:  # it waits for each: the next ones would, too
                text = _("%(order)s: Sespan gives no price just now. Try again later.")
                self.message_user(request, text % {"order": order}, messages.WARNING)
                return
            text = _("%(order)s: its draw gives no discount.")
            if refund:
                text = _("%(order)s: its draw takes %(refund)s off. Refund them.")
            values = {"order": order, "refund": rupiah(refund)}
            self.message_user(request, text % values, messages.SUCCESS)
