"""open order → placed.

    1. look that the goods are there (no lock)
    2. ask Sespan for the price, outside any transaction
    3. one transaction: lock the order, take the goods, write the price, enqueue the mail

Step 2 gives the same answer however often it is asked, so a double click, a reload or a second try
after a lost answer places the order once, at one price. Where it gives none, nobody pays the full
price unasked: a customer who may have seen a discount already chooses it, or tries again. Such an
order has no `transaction_id`, by which staff find it, and its draw, later (late_draw.py).
"""

from __future__ import annotations

import logging
from decimal import Decimal

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from catalogue.models import Product
from orders.flows.price import Price, PriceUnavailableError, ask_price
from orders.models import Order, OrderLine, State

logger = logging.getLogger(__name__)


class OrderClosedError(Exception):
    """The order was cancelled, replaced or frozen too long ago."""


class OutOfStockError(Exception):
    """Some goods are gone; `lines` are the lines that cannot be served."""

    def __init__(self, lines: list[OrderLine]) -> None:
        super().__init__(", ".join(line.name for line in lines))
        self.lines = lines


def place(order: Order, client_ip: str | None = None, *, without_discount: bool = False) -> Order:
    """Place an open order with the delivery fields it carries; return it with its final price.

    `without_discount`: the customer takes the full price where Sespan gives none just now.
    Raises OrderClosedError, OutOfStockError, or PriceUnavailableError; then nothing changed.
    An order that was placed already is returned as it is.
    """
    if order.state == State.OPEN:
        _check_open(order)
        _check_stock(list(order.lines.select_related("product")))
        price = _price(order, client_ip, without_discount=without_discount)
    else:
        price = Price(order.discounted_amount or Decimal(0), order.transaction_id)
    return _commit(order, price)


def _price(order: Order, client_ip: str | None, *, without_discount: bool) -> Price:
    try:
        return ask_price(order, client_ip)
    except PriceUnavailableError:
        if not without_discount:
            raise
        return Price(order.amount, None)


@transaction.atomic
def _commit(order: Order, price: Price) -> Order:
    locked = Order.objects.select_for_update(of=("self",)).get(order_ref=order.order_ref)
    if locked.state in {State.PLACED, State.SHIPPED}:
        return locked
    _check_open(locked)
    _take_stock(locked)
    for field in ("recipient", "phone_number", "street", "city", "postal_code", "payment"):
        setattr(locked, field, getattr(order, field))
    locked.discounted_amount = price.discounted_amount
    locked.transaction_id = price.transaction_id
    locked.state = State.PLACED
    locked.placed_at = timezone.now()
    locked.save()
    _send_confirmation(locked)
    return locked


def _check_open(order: Order) -> None:
    if order.state != State.OPEN or order.prices_have_expired:
        raise OrderClosedError(order.order_ref)


def _check_stock(lines: list[OrderLine]) -> None:
    missing = [
        line
        for line in lines
        if line.product is None or not line.product.is_listed or line.product.stock < line.quantity
    ]
    if missing:
        raise OutOfStockError(missing)


def _take_stock(order: Order) -> None:
    """Lock the products in the order of their ids, so that two orders cannot deadlock."""
    wanted = order.lines.values_list("product_id", flat=True)
    list(Product.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    lines = list(order.lines.select_related("product"))
    _check_stock(lines)
    for line in lines:
        if line.product is not None:
            line.product.stock = F("stock") - line.quantity
            line.product.save(update_fields=["stock"])


def _send_confirmation(order: Order) -> None:
    """Put the mail into the queue, in this transaction; an order does not fail for its mail."""
    if order.customer is None:
        return
    text, html = (
        render_to_string(f"orders/mail/confirmation.{kind}", {"order": order})
        for kind in ("txt", "html")
    )
    subject = _("Your order %(order_ref)s") % {"order_ref": order.order_ref}
    mail = EmailMultiAlternatives(subject, text, to=[order.customer.email])
    mail.attach_alternative(html, "text/html")
    try:
        mail.send()
    except Exception:
        logger.exception("no confirmation mail for order %s", order.order_ref)
