"""Addresses of the shop."""

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("Toko Kopi Sespan: staff")
admin.site.site_title = _("Toko Kopi Sespan")
admin.site.index_title = _("The shop and what rides beside it")

urlpatterns = [
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
    path("account/", include("accounts.urls")),
    path("account/", include("django_sespan.urls")),
    path("", include("orders.urls")),
    path("", include("catalogue.urls")),
]
