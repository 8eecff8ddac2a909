"""Addresses of the catalogue."""

from django.urls import path

from catalogue import views
from catalogue.models import Category

app_name = "catalogue"

urlpatterns = [
    path("", views.product_list, name="home"),
    path("coffee/", views.product_list, {"category": Category.COFFEE}, name="coffee"),
    path("gear/", views.product_list, {"category": Category.GEAR}, name="gear"),
    path("product/<slug:slug>/", views.product_page, name="product"),
]
