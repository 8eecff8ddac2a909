"""Orders: frozen copies of a cart.

    cart ──freeze──▶ OPEN ──place──▶ PLACED ──ship──▶ SHIPPED
                      │                 │
                      └────cancel───────┴──▶ CANCELLED

An order keeps the names and prices of the moment it was frozen. `amount` is what the goods cost,
`discounted_amount` what the customer pays: it stays empty until the order is placed and comes only
from the answer that this server got from Sespan.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import phone_number_validator
from catalogue.models import Product

REF_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
PRICES_HELD_FOR = timedelta(hours=24)


def new_order_ref() -> str:
    """Return an unguessable reference that a person can read out, such as TKS-7K3F-9Q2M-XD4H."""
    letters = "".join(secrets.choice(REF_ALPHABET) for _index in range(12))
    return f"TKS-{letters[:4]}-{letters[4:8]}-{letters[8:]}"


class State(models.TextChoices):
    """The states of an order."""

    OPEN = "open", _("Not placed yet")
    PLACED = "placed", _("Placed")
    SHIPPED = "shipped", _("Shipped")
    CANCELLED = "cancelled", _("Cancelled")


class Payment(models.TextChoices):
    """How the customer pays."""

    TRANSFER = "transfer", _("Bank transfer")
    ON_DELIVERY = "on_delivery", _("Cash on delivery")


class Order(models.Model):
    """What one customer buys at once."""

    order_ref = models.CharField(
        _("reference"), max_length=64, unique=True, default=new_order_ref, editable=False
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="orders",
        verbose_name=_("customer"),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.OPEN, editable=False
    )
    amount = models.DecimalField(_("goods"), max_digits=12, decimal_places=2, editable=False)
    discounted_amount = models.DecimalField(
        _("to pay"), max_digits=12, decimal_places=2, null=True, editable=False
    )
    transaction_id = models.BigIntegerField(
        _("Sespan transaction"), null=True, unique=True, editable=False
    )
    created_at = models.DateTimeField(_("frozen at"), default=timezone.now, editable=False)
    placed_at = models.DateTimeField(_("placed at"), null=True, editable=False)

    recipient = models.CharField(_("recipient"), max_length=80, blank=True)
    phone_number = models.CharField(
        _("phone number"), max_length=20, blank=True, validators=[phone_number_validator]
    )
    street = models.CharField(_("street and house number"), max_length=160, blank=True)
    city = models.CharField(_("city"), max_length=60, blank=True)
    postal_code = models.CharField(
        _("postal code"),
        max_length=5,
        blank=True,
        validators=[RegexValidator(r"^[0-9]{5}$", _("A postal code has five digits."))],
    )
    payment = models.CharField(
        _("payment"), max_length=12, choices=Payment.choices, default=Payment.TRANSFER
    )

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ("-created_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="open"),
                name="order_one_open_per_customer",
            ),
            models.CheckConstraint(
                condition=models.Q(discounted_amount__isnull=False)
                | models.Q(state__in=["open", "cancelled"]),
                name="order_placed_has_price",
            ),
            models.CheckConstraint(
                condition=models.Q(discounted_amount__gte=0)
                & models.Q(discounted_amount__lte=models.F("amount"))
                | models.Q(discounted_amount__isnull=True),
                name="order_price_at_most_amount",
            ),
        )

    def __str__(self) -> str:
        return self.order_ref

    def get_absolute_url(self) -> str:
        """Return the address of the customer's page of this order."""
        return reverse("orders:order", args=[self.order_ref])

    @property
    def saving(self) -> Decimal:
        """Return what the discount took off, zero before the order is placed."""
        if self.discounted_amount is None:
            return Decimal(0)
        return self.amount - self.discounted_amount

    @property
    def saving_percent(self) -> int:
        """Return the saving in whole percent of the goods."""
        return int((self.saving * 100 / self.amount).to_integral_value()) if self.amount else 0

    @property
    def prices_have_expired(self) -> bool:
        """Tell whether the order was frozen too long ago to be placed at its prices."""
        return timezone.now() - self.created_at > PRICES_HELD_FOR


class OrderLine(models.Model):
    """One product of an order, at the price of the moment it was frozen."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(
        Product, on_delete=models.SET_NULL, null=True, verbose_name=_("product")
    )
    name = models.CharField(_("name"), max_length=80)
    picture = models.CharField(max_length=60)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    quantity = models.PositiveSmallIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0), name="line_quantity_positive"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name}"

    @property
    def amount(self) -> Decimal:
        """Return price times quantity."""
        return self.price * self.quantity

    @property
    def picture_url(self) -> str:
        """Return the address of the picture."""
        return static(f"shop/products/{self.picture}")
