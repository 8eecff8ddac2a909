"""Addresses of the cart, the checkout and the order history."""

from django.urls import path

from orders import views

app_name = "orders"

urlpatterns = [
    path("cart/", views.cart_page, name="cart"),
    path("cart/add/<int:product_id>/", views.cart_add, name="cart-add"),
    path("cart/set/<int:product_id>/", views.cart_set, name="cart-set"),
    path("checkout/", views.checkout_start, name="checkout-start"),
    path("checkout/<str:order_ref>/", views.checkout, name="checkout"),
    path("orders/", views.order_list, name="list"),
    path("orders/<str:order_ref>/", views.order_page, name="order"),
]
