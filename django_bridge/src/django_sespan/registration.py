"""A registration in a form of the site's own, with the code before the customer.

def sign_up(request):
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and (code_page := registration.begin(request, form)):
        return code_page
    return render(request, "sign_up.html", {"form": form})
"""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables

from django_sespan import errors
from django_sespan._internal import destination, messages
from django_sespan._internal.flows import code_first
from django_sespan._internal.site_form import Save, SiteForm, dotted_path
from django_sespan._internal.trace_context import of_visitor

__all__ = ["begin"]

logger = logging.getLogger(__name__)


@sensitive_variables()
def begin(
    request: HttpRequest, form: Any, *, next_url: str = "", save: Save | None = None
) -> HttpResponse | None:
    """Mail a code for a bound form; return the redirect to the code page, None for errors.

    The form is checked here; one that was checked before is taken, too. It has then the errors
    to show, or none that tells whether its address is known: for such an address the code page
    follows as for any other, and the owner gets a mail. Nothing is saved before the code. Then
    the form is made again from what was typed, checked, and saved: by `form.save(commit=False)`
    and the adapter's `save_user`, or by `save`, a function `(request, form)` at the top of its
    module that returns the customer. The password that was typed is the customer's in the end;
    a form without one makes a customer who logs in by codes.

    `next_url` is where the customer goes after the code, on this site; default: the form's or the
    address's `next`. Raises InsideTransaction, and ImproperlyConfigured for a form that cannot
    be made again: one with files, or of a class inside a function.
    """
    path = dotted_path(save) if save is not None else ""
    site_form = SiteForm(form, path)
    if not site_form.is_valid():
        return None
    url = destination.safe(request, next_url) or destination.of(request)
    try:
        with of_visitor(request):
            code_first.begin(request, site_form, url, request.path)
    except errors.SespanError as exc:
        messages.log(logger, "A registration could not begin", exc)
        form.add_error(None, messages.for_begin(exc))
        return None
    return redirect("django_sespan:code")
