"""The public pages of the catalogue."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalogue.models import Category, Product
from orders.cart import Cart
from orders.forms import QuantityForm


@require_safe
def product_list(request: HttpRequest, category: str = "") -> HttpResponse:
    """Show everything on sale, or one shelf of it."""
    products = Product.objects.filter(is_listed=True)
    if category:
        products = products.filter(category=category)
    return render(
        request,
        "catalogue/product_list.html",
        {"products": products, "category": category, "categories": Category},
    )


@require_safe
def product_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one product and the form that puts it into the cart."""
    product = get_object_or_404(Product, slug=slug, is_listed=True)
    shelf = Product.objects.filter(is_listed=True, category=product.category)
    context = {
        "product": product,
        "form": QuantityForm(product=product, initial={"quantity": 1}),
        "in_cart": Cart(request.session).quantity(product.pk),
        "others": shelf.exclude(pk=product.pk)[:3],
    }
    return render(request, "catalogue/product.html", context)
