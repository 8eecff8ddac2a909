"""The way from a site's own page of customers.

class CustomerAdmin(UserAdmin):
actions = [help_customer]
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

HELP = "sespan.help_customer"


@admin.action(description=gettext_lazy("Why no mail arrives, and let in"))
def help_customer(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    """Go to the page of the one customer that is chosen."""
    if not request.user.has_perm(HELP):
        raise PermissionDenied
    keys = list(queryset.order_by().values_list("pk", flat=True)[:2])
    if len(keys) != 1:
        messages.warning(request, _("Choose one customer."))
        return None
    site = model_admin.admin_site.name
    url = reverse("admin:sespan_customerhelp_change", args=[keys[0]], current_app=site)
    return HttpResponseRedirect(url)
