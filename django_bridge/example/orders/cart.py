"""The cart lives in the session: a mapping of product ids to quantities, without prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.sessions.backends.base import SessionBase

from catalogue.models import Product

SESSION_KEY = "cart"
MOST_OF_ONE = 20


@dataclass(frozen=True)
class CartLine:
    """A product in the cart, at today's price."""

    product: Product
    quantity: int

    @property
    def amount(self) -> Decimal:
        """Return price times quantity."""
        return self.product.price * self.quantity

    @property
    def is_available(self) -> bool:
        """Tell whether the shop has as many."""
        return self.quantity <= self.product.stock


class Cart:
    """The cart of one session."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self._quantities = dict(_readable(session.get(SESSION_KEY)))

    def __len__(self) -> int:
        return sum(self._quantities.values())

    def quantity(self, product_id: int) -> int:
        """Return how many of a product are in the cart."""
        return self._quantities.get(str(product_id), 0)

    def add(self, product_id: int, quantity: int) -> None:
        """Put more of a product into the cart."""
        self.set(product_id, self.quantity(product_id) + quantity)

    def set(self, product_id: int, quantity: int) -> None:
        """Have exactly this many of a product in the cart, none for zero."""
        if quantity > 0:
            self._quantities[str(product_id)] = min(quantity, MOST_OF_ONE)
        else:
            self._quantities.pop(str(product_id), None)
        self._session[SESSION_KEY] = self._quantities

    def remove(self, product_ids: Iterable[int]) -> None:
        """Take products out of the cart."""
        for product_id in product_ids:
            self.set(product_id, 0)

    def lines(self) -> list[CartLine]:
        """Return the products that are still listed, in the catalogue's order."""
        products = Product.objects.filter(pk__in=list(self._quantities), is_listed=True)
        return [CartLine(product, self.quantity(product.pk)) for product in products]


def _readable(stored: object) -> Iterator[tuple[str, int]]:
    """Yield what makes sense of a session that another version may have written."""
    if not isinstance(stored, dict):
        return
    for product_id, quantity in stored.items():
        if str(product_id).isdecimal() and type(quantity) is int and 0 < quantity <= MOST_OF_ONE:
            yield str(product_id), quantity
