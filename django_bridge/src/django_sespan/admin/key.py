"""Keys in the admin: the index leads to the page Keys, which people without the admin use too."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from django_sespan.admin.page import AdminRolePage, for_admins
from django_sespan.models import ApiKey


@admin.register(ApiKey)
class KeyAdmin(AdminRolePage):
    """Stands in the index only."""

    @for_admins
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page."""
        try:
            return HttpResponseRedirect(reverse("django_sespan:keys"))
        except NoReverseMatch:
            raise Http404(_("The site’s urls.py does not include django_sespan.urls.")) from None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Lead to the page, too."""
        return self.changelist_view(request)
