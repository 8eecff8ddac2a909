"""Addresses of the cart, the checkout and the order history."""

from django.urls import path, register_converter

from orders import views

app_name = "orders"


class OrderRefConverter:
    """Lets only references through that this shop makes."""

    regex = "[A-Z0-9-]{1,64}"

    def to_python(self, value: str) -> str:
        """Return the reference."""
        return value

    def to_url(self, value: str) -> str:
        """Return the reference."""
        return value


register_converter(OrderRefConverter, "order_ref")

urlpatterns = [
    path("cart/", views.cart_page, name="cart"),
    path("cart/add/<int:product_id>/", views.cart_add, name="cart-add"),
    path("cart/set/<int:product_id>/", views.cart_set, name="cart-set"),
    path("checkout/", views.checkout_start, name="checkout-start"),
    path("checkout/<order_ref:order_ref>/", views.checkout, name="checkout"),
    path("orders/", views.order_list, name="list"),
    path("orders/<order_ref:order_ref>/", views.order_page, name="order"),
]
