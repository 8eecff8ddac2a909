"""Look for a customer, see why no mail arrives, and let that customer in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _

from django_sespan._internal import customer_help, mistyped
from django_sespan._internal.accounts import is_unverified, with_email
from django_sespan._internal.audit import acting, audited
from django_sespan._internal.customer_admin import customer_url
from django_sespan._internal.flows import help_customer as deeds
from django_sespan._internal.flows import staff_people
from django_sespan._internal.flows.staff_people import Person
from django_sespan._internal.installation import roles_of_site
from django_sespan.admin.customer_help.action import HELP
from django_sespan.admin.customer_help.forms import AddressForm, Search, SureForm
from django_sespan.admin.customer_help.remarks import remarks
from django_sespan.admin.page import PageAdmin
from django_sespan.errors import CustomerTableMismatch
from django_sespan.mail import queue_admin
from django_sespan.models import CustomerHelp

MOST = 20
LARGEST = 2**63 - 1
Rest = ParamSpec("Rest")
View = Callable[Concatenate["CustomerHelpAdmin", HttpRequest, Rest], HttpResponse]


def _for_helpers(view: View[Rest]) -> View[Rest]:
    """Answer 403 with a page that says whom to ask, and 503 with what hinders the database."""

    @wraps(view)
    def wrapped(
        admin: CustomerHelpAdmin, request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponse:
        if not admin.has_view_permission(request):
            context = {"title": _("Not for this login"), "role": "admin"}
            return admin.page(request, "forbidden.html", context, 403)
        try:
            with queue_admin.translated_errors(), acting(request):
                return view(admin, request, *args, **kwargs)
        except queue_admin.SchemaMissing as exc:
            reason, remedy = str(exc), _("Run “sespan migrate up” on the database of the site.")
        except queue_admin.RoleMissing as exc:
            reason, named = str(exc), ", ".join(roles_of_site("producer", "admin"))
            remedy = _("Grant %(roles)s to the site’s database login.") % {"roles": named}
        except CustomerTableMismatch as exc:
            reason, remedy = str(exc), _("Run “sespan bind-customers” for the users of this site.")
        context = {"reason": reason, "remedy": remedy}
        return admin.page(request, "unavailable.html", context, 503)

    return wrapped


@admin.register(CustomerHelp)
class CustomerHelpAdmin(PageAdmin):
    """Its own pages alone, each outside of the site's transaction: a code is asked for by HTTP."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person helps customers."""
        return bool(request.user.has_perm(HELP))

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether it stands in the index."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[Any]:
        """Give the two pages."""
        return [
            path("", self._view(self.changelist_view), name="sespan_customerhelp_changelist"),
            path(
                "<path:object_id>/change/",
                self._view(self.change_view),
                name="sespan_customerhelp_change",
            ),
        ]

    def _view(self, method: Callable[..., HttpResponse]) -> Any:
        @transaction.non_atomic_requests
        def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return method(request, **kwargs)

        return self.admin_site.admin_view(view)

    @_for_helpers
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Look for a customer: by address or number exactly, else by a part of the name."""
        form = Search(request.GET if "q" in request.GET else None)
        people = _look_for(form.cleaned_data["q"]) if form.is_valid() else []
        if len(people) == 1:
            return HttpResponseRedirect(self._url(people[0]))
        context = {
            "title": _("Help for customers"),
            "form": form,
            "people": people,
            "asked": form.is_bound and form.is_valid(),
        }
        return self.page(request, "customer_help_list.html", context)

    @_for_helpers
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what is known of one customer; on POST, do what was asked."""
        person = staff_people.find(object_id)
        if person is None or not _is_key(person.key):
            raise Http404(_("There is no such customer (any more)."))
        form = self._form(request)
        if request.method == "POST" and (form is None or form.is_valid()):
            self._do(request, person, form)
            return HttpResponseRedirect(request.path)
        return self._show(request, person, form)

    def _show(self, request: HttpRequest, person: Person, form: forms.Form | None) -> HttpResponse:
        email = deeds.email_of(person.user)
        with audited(request):
            facts = customer_help.read(self.using, person.key, email)
            found = remarks(person.user, email, facts)
        asked = form if isinstance(form, AddressForm) else None
        sure = form if form is not None and asked is None else None
        context = {
            "title": _("Help for %(name)s") % {"name": person.name},
            "person": person,
            "email": email,
            "remarks": found,
            "waits": is_unverified(person.user),
            "suppressed": facts.suppressed,
            "used": bool(facts.budgets),
            "mails_used_up": facts.mails_used_up,
            "address_form": asked
            or AddressForm(initial={"was": email, "email": mistyped.suggestion(email)}),
            "sure_form": sure or SureForm(prefix="activate"),
            "why_not_correct": deeds.why_not_correct(request.user, person.user),
            "why_not_activate": deeds.why_not_activate(request.user, person.user),
            "customer_url": customer_url(request.user, str(person.key)),
            "may_see_mails": request.user.has_perm("sespan.view_mailmessage"),
        }
        return self.page(request, "customer_help_page.html", context)

    @staticmethod
    def _form(request: HttpRequest) -> forms.Form | None:
        """Return the form of the deed that was asked for, None where it has none."""
        match request.POST.get("deed"):
            case "correct":
                return AddressForm(request.POST)
            case "activate":
                return SureForm(request.POST, prefix="activate")
        return None

    @staticmethod
    def _do(request: HttpRequest, person: Person, form: forms.Form | None) -> None:
        plain = {"reset": deeds.reset, "lift": deeds.lift, "send": deeds.send}
        plain["activate"] = deeds.activate
        name, user = request.POST.get("deed", ""), person.user
        try:
            if isinstance(form, AddressForm):
                values = form.cleaned_data["email"], form.cleaned_data["was"]
                done = deeds.attempt(deeds.correct, request, user, *values)
            elif name in plain:
                done = deeds.attempt(plain[name], request, user)
            else:
                return
        except deeds.Refused as exc:
            messages.warning(request, str(exc))
        else:
            messages.success(request, done)

    def _url(self, person: Person) -> str:
        name = "admin:sespan_customerhelp_change"
        return reverse(name, args=[person.key], current_app=self.admin_site.name)


def _look_for(term: str) -> list[Person]:
    """Return whom an address or a number means; else whose name or address has this part."""
    exact = [Person(user) for user in with_email(term, hidden=True)[:MOST]]
    if not exact and term.isascii() and term.isdigit():
        with suppress(ValueError):
            found = staff_people.find(term)
            exact = [found] if found is not None else []
    return exact or staff_people.search(term, "all", 0)[0][:MOST]


def _is_key(key: Any) -> bool:
    return isinstance(key, int) and abs(key) <= LARGEST
