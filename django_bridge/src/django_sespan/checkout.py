"""The checkout for the site's own code: the price, and the token that the page draws with.

    draw = checkout.price(user.pk, order.ref, order.total)
    order.charge(draw.discounted_amount)

or, for a shop that sells at the full price while Sespan is away, and to guests:

    draw = checkout.try_price(user.pk, order.ref, order.total)
    order.charge(draw.discounted_amount if draw else order.total)

The browser's draw is for show. `price` asks again from the server, gets the same result
because an order is drawn only once, and is the only source of what is charged.
"""

from __future__ import annotations

import logging
import re
from decimal import Decimal, InvalidOperation, localcontext

from django_sespan import errors, signals
from django_sespan._internal import customer_table, messages
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan._internal.tokens import signing_key
from django_sespan.client import Draw, Transaction, get_client
from django_sespan.conf import get_settings

__all__ = ["Draw", "Transaction", "cancel", "connect_src", "price", "token", "try_price"]

logger = logging.getLogger(__name__)

_ORDER_REF = re.compile(r"[A-Za-z0-9._:/#-]{1,64}")
_MOST = Decimal(10**15)
_PLACES = 4
"""What the service's database keeps; `SESPAN_MINOR_UNIT` may allow fewer, and refuses more."""


def price(
    customer_id: object,
    order_ref: str | int,
    amount: Decimal | int | str,
    *,
    client_ip: str | None = None,
) -> Draw:
    """Return what this order costs its customer; `discounted_amount` is what to charge.

    The order must be committed and frozen. Repeating the call gives the same result.
    Raises OrderConflict (drawn with another amount), SespanUnavailable, SespanMisconfigured,
    InsideTransaction, and ValueError or TypeError for an odd order_ref or amount. An order of
    nothing is not discounted.
    """
    refuse_transaction()
    ref, exact = check_ref(order_ref), money(amount)
    draw = get_client().draw(
        customer_id=customer_id, order_ref=ref, amount=exact, client_ip=client_ip
    )
    signals.send_signal(
        signals.transaction_drawn,
        sender=Draw,
        customer_id=customer_id,
        order_ref=ref,
        draw=draw,
    )
    return draw


def try_price(
    customer_id: object,
    order_ref: str,
    amount: Decimal | int | str,
    *,
    client_ip: str | None = None,
) -> Draw | None:
    """Return what `price` does, or None where the order goes through at the full price.

    None for a guest (`customer_id` is None: a draw is a customer's), and where Sespan gives no
    price now, which is logged. An order keeps its draw, so `price` tells later what such an order
    would have cost. Raises InsideTransaction, and ValueError or TypeError as `price` does.
    """
    if customer_id is None:
        return None
    try:
        draw = price(customer_id, order_ref, amount, client_ip=client_ip)
    except errors.SespanError as exc:
        log_without(order_ref, exc)
        return None
    return possible(draw, order_ref, amount)


def log_without(order_ref: str, error: errors.SespanError) -> None:
    """Log that an order goes through at the full price."""
    messages.log(logger, f"Order {order_ref} goes without its draw", error)


def possible(draw: Draw, order_ref: str, amount: Decimal | int | str) -> Draw | None:
    """Return the draw, None where its price cannot be: nobody pays more, or is paid."""
    if 0 <= draw.discounted_amount <= money(amount):
        return draw
    logger.error("An impossible price of order %s: %s", order_ref, draw.discounted_amount)
    return None


def cancel(transaction_id: int, *, client_ip: str | None = None) -> Transaction:
    """Cancel the draw of an order that will not be charged, or was refunded as a whole.

    The tier's limits get back what it used, and the customer's next order in that tier on
    that day (UTC) has the same luck. It stays cancelled: the same order is never drawn anew.
    Raises UnknownTransaction, SespanUnavailable, SespanMisconfigured, InsideTransaction.
    """
    refuse_transaction()
    return get_client().cancel(transaction_id, client_ip=client_ip)


def token(customer_id: object, order_ref: str | int, amount: Decimal | int | str) -> str:
    """Mint the token with which a browser may draw for this order, for 5 minutes."""
    key = signing_key(get_settings().signing_key_file)
    exact = format(money(amount), "f")
    return key.sign(str(customer_id), check_ref(order_ref), exact, customer_table.read())


def connect_src() -> str:
    """Return the CSP source that the checkout page needs in `connect-src`."""
    return get_settings().public_origin


def check_ref(order_ref: str | int) -> str:
    """Return the order_ref as text, or raise ValueError: 1 to 64 of A-Z a-z 0-9 . _ : / # -.

    An integer, such as the key of an order, counts as its digits.
    """
    if isinstance(order_ref, int) and not isinstance(order_ref, bool) and order_ref >= 0:
        order_ref = str(order_ref)
    if not isinstance(order_ref, str) or not _ORDER_REF.fullmatch(order_ref):
        raise ValueError("order_ref must be 1 to 64 characters of A-Z a-z 0-9 . _ : / # -")
    return order_ref


def money(amount: Decimal | int | str) -> Decimal:
    """Return an exact amount; a float has none and is refused.

    The service's rule: 0 or more, below 10^15, and up to four decimals that mean something; zeros
    behind them are left out. `internal/transaction/testdata/amount_vectors.json` holds both to it.
    """
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
        raise TypeError("an amount is a Decimal, an int or a decimal string, never a float")
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        raise ValueError("the amount is not a number") from None
    if not exact.is_finite() or exact < 0:
        raise ValueError("the amount must be finite and not negative")
    if exact >= _MOST:
        raise ValueError("the amount must be less than 10^15")
    return _short(exact.copy_abs())


def _short(exact: Decimal) -> Decimal:
    """Write an amount with four decimals at most, and none in exponents."""
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int):
        raise TypeError("a finite number has an exponent")
    places = min(max(0, -exponent), _PLACES)
    with localcontext(prec=40):
        short = exact.quantize(Decimal(1).scaleb(-places))
    if short != exact:
        raise ValueError(
            f"the amount must have at most {_PLACES} decimals (as many as SESPAN_MINOR_UNIT says)"
        )
    return short
