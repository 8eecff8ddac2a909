"""The token that the checkout page draws with."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_protect

from django_sespan import checkout
from django_sespan._internal.transport import PROBLEM_PREFIX
from django_sespan.conf import get_settings
from django_sespan.views.visitor import VisitorView

logger = logging.getLogger(__name__)


class CheckoutTokenView(VisitorView):
    """`checkout-token`: POST order_ref → {token, url, order_ref, transaction_amount}.

    The amount comes from the site's own order (`ORDER`), never from the request.
    """

    http_method_names = ["post", "options"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Check CSRF even where the site has no middleware for it; who it is, `post` looks."""
        return login_not_required(csrf_protect(super().as_view(**initkwargs)))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Keep the token out of every cache."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    def post(self, request: HttpRequest) -> JsonResponse:
        """Check the visitor and the order, then mint."""
        if not request.user.is_authenticated:
            return problem(401, "unauthorized", gettext("Please log in to go on."))
        settings = get_settings()
        if not settings.enabled:
            return problem(503, "unavailable", gettext("Discounts are not available just now."))
        try:
            order_ref = checkout.check_ref(_order_ref(request))
        except ValueError as exc:
            return problem(400, "bad-request", str(exc))
        try:
            order = settings.order(request, order_ref)
            if order is None or not _is_this(order, request, order_ref):
                return problem(404, "not-found", gettext("There is no such order of yours."))
            amount = checkout.money(order[2])
            token = checkout.token(order[0], order_ref, amount)
        except (ImproperlyConfigured, ImportError, TypeError, ValueError):
            logger.exception("No checkout token could be made")
            return problem(503, "unavailable", gettext("Discounts are not available just now."))
        return JsonResponse(
            {
                "token": token,
                "url": f"{settings.public_url}/v1/transactions",
                "order_ref": order_ref,
                "transaction_amount": format(amount, "f"),
            }
        )


def problem(status: int, slug: str, detail: str) -> JsonResponse:
    """Return an RFC 9457 document, as Sespan does."""
    body = {"type": PROBLEM_PREFIX + slug, "status": status, "title": detail, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _is_this(order: tuple[Any, Any, Any], request: HttpRequest, order_ref: str) -> bool:
    return str(order[0]) == str(request.user.pk) and str(order[1]) == order_ref


def _order_ref(request: HttpRequest) -> str:
    if request.content_type == "application/json":
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            raise ValueError("the body is not JSON") from None
        return body.get("order_ref", "") if isinstance(body, dict) else ""
    return str(request.POST.get("order_ref", ""))
