"""Pages of the cart, the checkout and the order history."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.current import current_customer
from catalogue.models import Product
from django_sespan.client_ip import client_ip
from orders.cart import MOST_OF_ONE, Cart
from orders.flows.freeze import freeze
from orders.flows.place import OrderClosedError, OutOfStockError, place
from orders.flows.price import PriceUnavailableError
from orders.forms import DeliveryForm, QuantityForm
from orders.models import Order, State

WITHOUT_DISCOUNT = "without_discount"  # the button that takes the full price
JUST_PLACED = "just_placed"  # session: the order whose page says thank you once


@never_cache
@require_safe
def cart_page(request: HttpRequest) -> HttpResponse:
    """Show what is in the cart."""
    lines = Cart(request.session).lines()
    context = {
        "lines": lines,
        "amount": sum(line.amount for line in lines),
        "can_check_out": bool(lines) and all(line.is_available for line in lines),
    }
    return render(request, "orders/cart.html", context)


@require_POST
def cart_add(request: HttpRequest, product_id: int) -> HttpResponse:
    """Put a product into the cart."""
    product = get_object_or_404(Product, pk=product_id, is_listed=True)
    form = QuantityForm(request.POST, product=product)
    if not form.is_valid():
        messages.error(request, _("Choose how many, from 1 to %(most)d.") % {"most": MOST_OF_ONE})
        return redirect(product)
    cart = Cart(request.session)
    wanted = cart.quantity(product.pk) + form.cleaned_data["quantity"]
    if wanted > product.stock:
        messages.error(
            request,
            _("We have only %(stock)d of “%(name)s”.")
            % {"stock": product.stock, "name": product.name},
        )
        return redirect(product)
    cart.set(product.pk, wanted)
    messages.success(request, _("“%(name)s” is in your cart.") % {"name": product.name})
    return redirect("orders:cart")


@require_POST
def cart_set(request: HttpRequest, product_id: int) -> HttpResponse:
    """Change a quantity in the cart; the button `remove` takes the product out."""
    cart = Cart(request.session)
    product = Product.objects.filter(pk=product_id, is_listed=True).first()
    if product is None or "remove" in request.POST:
        cart.set(product_id, 0)
        return redirect("orders:cart")
    form = QuantityForm(request.POST, product=product)
    if form.is_valid():
        cart.set(product_id, form.cleaned_data["quantity"])
    else:
        messages.error(request, _("Choose how many, from 1 to %(most)d.") % {"most": MOST_OF_ONE})
    return redirect("orders:cart")


@never_cache
@login_required
def checkout_start(request: HttpRequest) -> HttpResponse:
    """Freeze the cart into an order. A GET (after logging in) leads back to the cart's button."""
    lines = Cart(request.session).lines()
    if request.method != "POST" or not lines or not all(line.is_available for line in lines):
        return redirect("orders:cart")
    return redirect("orders:checkout", order_ref=freeze(current_customer(request), lines).order_ref)


@transaction.non_atomic_requests
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest, order_ref: str) -> HttpResponse:
    """Show the frozen order; a POST places it at the price that Sespan tells this server."""
    order = get_object_or_404(Order, order_ref=order_ref, customer=current_customer(request))
    if order.state in {State.PLACED, State.SHIPPED}:
        return redirect(order)
    if order.state == State.CANCELLED or order.prices_have_expired:
        return _closed(request)
    if request.method != "POST":
        return _checkout_page(request, order, DeliveryForm(instance=order))
    form = DeliveryForm(request.POST, instance=order)
    if not form.is_valid():
        return _checkout_page(request, order, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _place(request, order, form)


def _place(request: HttpRequest, order: Order, form: DeliveryForm) -> HttpResponse:
    try:
        asked_for = WITHOUT_DISCOUNT in request.POST
        placed = place(order, client_ip(request), without_discount=asked_for)
    except OrderClosedError:
        return _closed(request)
    except OutOfStockError as error:
        names = ", ".join(line.name for line in error.lines)
        messages.error(
            request, _("Not enough left: %(names)s. Please change your cart.") % {"names": names}
        )
        return redirect("orders:cart")
    except PriceUnavailableError:  # a page of its own right, which no proxy may replace as a fault
        return _checkout_page(request, order, form, offers_full_price=True)
    cart = Cart(request.session)
    cart.remove(pk for pk in placed.lines.values_list("product_id", flat=True) if pk)
    request.session[JUST_PLACED] = placed.order_ref
    return redirect(placed)


def _checkout_page(
    request: HttpRequest,
    order: Order,
    form: DeliveryForm,
    status: int = HTTPStatus.OK,
    *,
    offers_full_price: bool = False,
) -> HttpResponse:
    """Show the checkout, where Sespan gave no price with the way to order without it."""
    context = {
        "order": order,
        "lines": order.lines.all(),
        "form": form,
        "without_discount": WITHOUT_DISCOUNT if offers_full_price else "",
    }
    return render(request, "orders/checkout.html", context, status=status)


def _closed(request: HttpRequest) -> HttpResponse:
    messages.info(
        request, _("That order is no longer open. Here is your cart with today's prices.")
    )
    return redirect("orders:cart")


@never_cache
@login_required
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    """Show the customer's orders, the newest first."""
    orders = current_customer(request).orders.exclude(state=State.CANCELLED, placed_at=None)
    return render(request, "orders/order_list.html", {"orders": orders.prefetch_related("lines")})


@never_cache
@login_required
@require_safe
def order_page(request: HttpRequest, order_ref: str) -> HttpResponse:
    """Show one order of this customer; right after placing it is the confirmation."""
    order = get_object_or_404(Order, order_ref=order_ref, customer=current_customer(request))
    if order.state == State.OPEN:
        return redirect("orders:checkout", order_ref=order.order_ref)
    just_placed = request.session.pop(JUST_PLACED, None) == order.order_ref
    context = {"order": order, "lines": order.lines.all(), "just_placed": just_placed}
    return render(request, "orders/order.html", context)
