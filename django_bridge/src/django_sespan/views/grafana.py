"""Who may see Grafana, for the proxy before it (`grafana/nginx.conf`)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from django_sespan._internal.staff import grafana_token
from django_sespan.views.checkout import problem
from django_sespan.views.visitor import VisitorView

logger = logging.getLogger(__name__)

HEADER = "X-JWT-Assertion"


class GrafanaTokenView(VisitorView):
    """`grafana-token`: GET → 204 with Grafana's token in the header X-JWT-Assertion.

    For nginx's `auth_request`, which takes a status alone: 401 for who is not logged in, 403 for
    who has neither the role dashboard nor admin. A proxy hides the header from browsers.
    """

    http_method_names = ["get", "options"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Answer 401, not with the login page of the site's middleware."""
        return login_not_required(super().as_view(**initkwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Keep the token out of every cache."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        """Check the person, then mint."""
        if not request.user.is_authenticated:
            return problem(401, "unauthorized", gettext("Please log in to go on."))
        try:
            token = grafana_token(request.user)
        except PermissionError:
            return problem(403, "forbidden", gettext("You have no role here. Ask an admin."))
        except ImproperlyConfigured:
            logger.exception("No token for Grafana could be made")
            return problem(503, "unavailable", gettext("The service cannot be reached just now."))
        return HttpResponse(status=204, headers={HEADER: token})
