"""Staff pages of the catalogue."""

from __future__ import annotations

from django.contrib import admin

from catalogue.models import Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Prices and stock are edited in the list."""

    list_display = ("name", "category", "price", "stock", "position", "is_listed")
    list_editable = ("price", "stock", "position", "is_listed")
    list_filter = ("category", "is_listed")
    search_fields = ("name", "summary")
    prepopulated_fields = {"slug": ("name",)}
