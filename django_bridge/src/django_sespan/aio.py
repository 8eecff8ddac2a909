"""Helpers for async views: waiting for Sespan does not block the event loop.

    draw = await aio.price(user.pk, order.ref, order.total)
    challenge = await aio.call(get_client().otp_create, purpose="login", customer_id=user.pk)

The bridge's own pages are plain views, which Django runs in a thread. Login signals need
nothing: a report is put into a queue, by `alogin` as by `login`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from django_sespan import checkout, errors, signals
from django_sespan._internal import customer_table
from django_sespan._internal.atomicity import refuse_transaction
from django_sespan.client import Draw, Transaction, get_client
from django_sespan.conf import get_settings

P = ParamSpec("P")
Answer = TypeVar("Answer")


async def price(
    customer_id: object,
    order_ref: str,
    amount: Decimal | int | str,
    *,
    client_ip: str | None = None,
) -> Draw:
    """Return what this order costs, as `checkout.price` does; it raises the same."""
    order_ref, exact = checkout.check_ref(order_ref), checkout.money(amount)
    draw = await call(
        get_client().draw,
        customer_id=customer_id,
        order_ref=order_ref,
        amount=exact,
        client_ip=client_ip,
    )
    await signals.transaction_drawn.asend_robust(
        sender=Draw, customer_id=customer_id, order_ref=order_ref, draw=draw
    )
    return draw


async def try_price(
    customer_id: object,
    order_ref: str,
    amount: Decimal | int | str,
    *,
    client_ip: str | None = None,
) -> Draw | None:
    """Return what this order costs, or None for the full price, as `checkout.try_price` does."""
    if customer_id is None:
        return None
    try:
        draw = await price(customer_id, order_ref, amount, client_ip=client_ip)
    except errors.SespanError as exc:
        checkout.log_without(order_ref, exc)
        return None
    return checkout.possible(draw, order_ref, amount)


async def cancel(transaction_id: int, *, client_ip: str | None = None) -> Transaction:
    """Cancel the draw of an order, as `checkout.cancel` does; it raises the same."""
    return await call(get_client().cancel, transaction_id, client_ip=client_ip)


async def call(function: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """Await a call of the client in a thread of its own; raises SespanError, InsideTransaction.

    The client's calls use no database connection there: whose customers are meant is asked
    before, where Django's own async code runs its queries. With Sespan in memory they use one,
    and then run there, too.
    """
    refuse_transaction()
    in_memory = get_settings().in_memory
    # As the site's own connection finds it, which is not that of the call's thread.
    with customer_table.known(await sync_to_async(customer_table.read)()):
        return await sync_to_async(function, thread_sensitive=in_memory)(*args, **kwargs)
