"""The shop's content security policy: nothing inline, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from django_sespan import checkout

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "connect-src {connect}"
)


class ContentSecurityPolicyMiddleware:
    """Send the policy with every answer: Ajax goes to the shop and Sespan's public URL only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        connect = dict.fromkeys(["'self'", checkout.connect_src()])  # the same for a path
        self.policy = POLICY.format(connect=" ".join(connect))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with the policy."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response
