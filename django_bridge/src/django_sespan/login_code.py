"""A login by a code that is mailed, without a password, from the site's own page.

    def log_in(request):
        form = AddressForm(request.POST or None)
        if form.is_valid():
            return login_code.begin(request, form.cleaned_data["email"])
        return render(request, "log_in.html", {"form": form})

`django_sespan:login-code` is such a page.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from django_sespan._internal import destination
from django_sespan._internal.flows import log_in_by_code

__all__ = ["begin"]


def begin(request: HttpRequest, email: str, *, next_url: str = "") -> HttpResponse:
    """Mail a code to log in with, and return the redirect to the code page.

    It is the same whoever has the address, and also while Sespan is away: the code page says so.
    Who is logged in at the end is decided by the code alone, and by the adapter's
    `may_log_in_by_code`. `next_url` is where they go then, on this site; default: the form's or the
    address's `next`. Raises ValidationError for what is no address, and InsideTransaction.
    """
    url = destination.safe(request, next_url) or destination.of(request)
    log_in_by_code.begin(request, email, url)
    return redirect("django_sespan:code")
