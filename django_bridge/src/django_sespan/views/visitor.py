"""What a page needs to know of its visitor, looked at when it is called."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.views.generic import View

from django_sespan._internal.trace_context import of_visitor
from django_sespan._internal.violations import without_rows

MIDDLEWARE = {
    "session": "django.contrib.sessions.middleware.SessionMiddleware",
    "user": "django.contrib.auth.middleware.AuthenticationMiddleware",
}
"""What a request must have → Django's own middleware that sets it; a site may have another."""


class VisitorView(View):
    """A page that asks who the visitor is; raises ImproperlyConfigured where nobody says it."""

    needs: tuple[str, ...] = ("user",)

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Look at the request, not at MIDDLEWARE."""
        for attribute in self.needs:
            if not hasattr(request, attribute):
                raise ImproperlyConfigured(
                    f"{type(self).__name__} needs request.{attribute}: add "
                    f"{MIDDLEWARE[attribute]} to MIDDLEWARE, or one of your own that sets it."
                )
        super().setup(request, *args, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer within the trace of the visitor's browser; no failure shows a row."""
        try:
            with of_visitor(request):
                return super().dispatch(request, *args, **kwargs)
        except DatabaseError as exc:
            without_rows(exc)
            raise
