"""`MIDDLEWARE = [..., "django_sespan.middleware.AuditMiddleware"]`, after AuthenticationMiddleware.

With it the audit names the person behind each change of users and groups, wherever in the site
it is made. Without it that stands in the audit as well, by "the site", unless a page of the
bridge did it. Calls of Sespan while the request is answered belong to the trace that its
`traceparent` names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from django_sespan._internal.audit import acting
from django_sespan._internal.trace_context import of_visitor

Respond = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def AuditMiddleware(get_response: Respond) -> Respond:  # noqa: N802  (named like Django's)
    """Remember the request while it is answered; who it is, is asked only when it matters."""
    if iscoroutinefunction(get_response):

        async def respond_async(request: HttpRequest) -> HttpResponseBase:
            with acting(request), of_visitor(request):
                return await get_response(request)  # type: ignore[no-any-return]

        return respond_async

    def respond(request: HttpRequest) -> HttpResponseBase:
        with acting(request), of_visitor(request):
            return get_response(request)  # type: ignore[return-value]

    return respond
