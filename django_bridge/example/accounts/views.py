"""The account page."""

from __future__ import annotations

from copy import copy

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.current import current_customer
from accounts.forms import ProfileForm


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show the customer's data and let them change what is theirs to change."""
    # A copy: the frame of the page must not show a name that was refused.
    form = ProfileForm(request.POST or None, instance=copy(current_customer(request)))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your changes are saved."))
        return redirect("accounts:account")
    return render(
        request,
        "accounts/account.html",
        {"form": form},
        status=422 if form.errors else 200,
    )
