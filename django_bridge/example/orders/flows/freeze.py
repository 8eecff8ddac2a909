"""cart → open order."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from django.db import transaction

from accounts.models import Customer
from orders.cart import CartLine
from orders.models import Order, OrderLine, State

COPIED_FROM_LAST_ORDER = ("recipient", "phone_number", "street", "city", "postal_code", "payment")


@transaction.atomic
def freeze(customer: Customer, lines: list[CartLine]) -> Order:
    """Return the customer's open order of exactly these lines and prices.

    The same cart gives the same order (and so the same draw) as long as its prices hold; another
    cart replaces the open order by a new one. The customer's row is locked, so that two tabs
    cannot both make one.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    current = Order.objects.filter(customer=customer, state=State.OPEN).first()
    if current and not current.prices_have_expired and _content(current) == _wanted(lines):
        return current
    if current:
        current.state = State.CANCELLED
        current.save(update_fields=["state"])
    return _create(customer, lines)


def _content(order: Order) -> Counter[tuple[int | None, str, Decimal, int]]:
    return Counter(order.lines.values_list("product_id", "name", "price", "quantity"))


def _wanted(lines: list[CartLine]) -> Counter[tuple[int | None, str, Decimal, int]]:
    return Counter(
        (line.product.pk, line.product.name, line.product.price, line.quantity) for line in lines
    )


def _create(customer: Customer, lines: list[CartLine]) -> Order:
    order = Order(customer=customer, amount=sum((line.amount for line in lines), Decimal(0)))
    order.phone_number = customer.phone_number
    last = customer.orders.exclude(recipient="").first()
    if last:
        for field in COPIED_FROM_LAST_ORDER:
            setattr(order, field, getattr(last, field))
    order.save(force_insert=True)
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=line.product,
            name=line.product.name,
            picture=line.product.picture,
            price=line.product.price,
            quantity=line.quantity,
        )
        for line in lines
    )
    return order
