"""Products."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class Category(models.TextChoices):
    """The shelves of the shop."""

    COFFEE = "coffee", _("Coffee")
    GEAR = "gear", _("Brewing gear")


class Product(models.Model):
    """Something to buy. A price is in rupiah; orders keep their own copy of it."""

    slug = models.SlugField(_("address"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    category = models.CharField(_("category"), max_length=10, choices=Category.choices)
    summary = models.CharField(_("in one line"), max_length=120)
    description = models.TextField(_("description"))
    details = models.CharField(
        _("details"),
        max_length=200,
        blank=True,
        help_text=_("Short facts, divided by a semicolon."),
    )
    price = models.DecimalField(
        _("price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal(1))]
    )
    stock = models.PositiveIntegerField(_("in stock"), default=0)
    picture = models.CharField(
        _("picture"), max_length=60, help_text=_("A file in static/shop/products.")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=100)
    is_listed = models.BooleanField(_("listed"), default=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("position", "name")
        constraints = (
            models.CheckConstraint(condition=models.Q(price__gt=0), name="product_price_positive"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the address of the product's page."""
        return reverse("catalogue:product", args=[self.slug])

    @property
    def picture_url(self) -> str:
        """Return the address of the picture."""
        return static(f"shop/products/{self.picture}")

    @property
    def fact_list(self) -> list[str]:
        """Return the short facts one by one."""
        return [fact.strip() for fact in self.details.split(";") if fact.strip()]
