"""The pages People: who has which role, giving and taking roles, new members of the staff."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.crypto import get_random_string
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from django_sespan._internal.flows import staff_people
from django_sespan._internal.flows.staff_people import STAFF, Person
from django_sespan._internal.messages import taken
from django_sespan._internal.violations import refusal
from django_sespan.admin.page import AdminRolePage, Tool, for_admins
from django_sespan.admin.people.data import view_of
from django_sespan.admin.people.forms import NewPersonForm, RolesForm, Search, new_person_form
from django_sespan.models import Access

logger = logging.getLogger(__name__)


@admin.register(Access)
class PeopleAdmin(AdminRolePage):
    """Works on the site's own users, with or without an admin of their own."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let an admin add, where the user model can."""
        return self.has_view_permission(request) and staff_people.can_create()

    def get_urls(self) -> list[Any]:
        """Add the page Personal data."""
        view = self.admin_site.admin_view(view_of(self))
        return [path("data/", view, name="sespan_access_data"), *super().get_urls()]

    @for_admins
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show who has a role, or look for anybody."""
        form = Search({"role": "any", **request.GET.dict()})
        values = form.cleaned_data if form.is_valid() else {}
        term, role = values.get("q", "").strip(), values.get("role") or "any"
        page = values.get("page") or 0
        people, more = staff_people.search(term, role, page)
        here = {"q": term, "role": role}
        new = [Tool(self.url_of("add"), _("New member of the staff"), adds=True)]
        data = Tool(self.url_of("data"), _("Personal data"))
        context = {
            "title": _("People"),
            "tools": [data, *(new if self.has_add_permission(request) else [])],
            "form": form,
            "people": people,
            "filtered": bool(term) or role != "any",
            "missing": staff_people.missing_groups(),
            "newer": f"?{urlencode({**here, 'page': page - 1})}" if page else None,
            "older": f"?{urlencode({**here, 'page': page + 1})}" if more else None,
        }
        return self.page(request, "people_list.html", context)

    @for_admins
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one person; on POST, give and take."""
        person = staff_people.find(object_id)
        if person is None:
            raise Http404(_("There is no such user (any more)."))
        form = RolesForm(request.POST or None, person=person, by=request.user)
        if request.method == "POST" and form.is_valid():
            gained, lost = form.cleaned_data["gained"], form.cleaned_data["lost"]
            staff_people.change(person, gained, lost)
            self._report(request, person, bool(gained or lost))
            return HttpResponseRedirect(request.path)
        context = {"title": person.name, "person": person, "form": form, "is_new": False}
        return self.page(request, "people_page.html", context)

    @method_decorator(sensitive_post_parameters())
    @for_admins
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Create a member of the staff with the site's own create_user."""
        if not self.has_add_permission(request):
            raise Http404(_("The user model of this site has no create_user."))
        form = new_person_form()(request.POST or None)
        if request.method == "POST" and form.is_valid() and (user := self._create(form)):
            person = staff_people.find(str(user.pk)) or Person(user)
            gained = set(form.cleaned_data["roles"])
            if "admin" in gained and STAFF in staff_people.flags():
                gained.add(STAFF)
            staff_people.change(person, gained, ())
            self._report(request, person, changed=True)
            return HttpResponseRedirect(self._url(user.pk))
        context = {"title": _("New member of the staff"), "form": form, "is_new": True}
        return self.page(request, "people_page.html", context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Nobody is deleted here; deactivate them."""
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the audit instead."""
        raise Http404

    @staticmethod
    def _create(form: NewPersonForm) -> Any:
        values = {name: form.cleaned_data[name] for name in staff_people.asked_fields()}
        values["password"] = form.cleaned_data["password"] or get_random_string(40)
        try:
            with transaction.atomic(using=staff_people.alias()):
                return staff_people.create(values)
        except DatabaseError as exc:
            found = refusal(exc)
            if found is None:
                raise
            if found.is_taken:
                form.add_error(None, taken())
            else:
                logger.error("A member of the staff could not be made: %s", found)  # noqa: TRY400
                text = _("The site’s database refused: %(rule)s")
                form.add_error(None, text % {"rule": found.rule or found.state})
        except (TypeError, ValueError, ValidationError) as exc:
            # create_user is the site's: it may ask for more than the model says.
            reason = "; ".join(getattr(exc, "messages", [str(exc)]))
            form.add_error(None, _("The site’s create_user refused: %(why)s") % {"why": reason})
        return None

    def _report(self, request: HttpRequest, person: Person, changed: bool) -> None:
        if not changed:
            messages.info(request, _("Nothing was changed."))
            return
        now = staff_people.find(str(person.key))
        values = {"name": person.name, "roles": ", ".join(now.roles if now else ())}
        if now is None or not now.is_active:
            text = _("%(name)s is deactivated: pages and keys end at once.")
        elif now.roles:
            text = _("%(name)s has now: %(roles)s.")
        else:
            text = _("%(name)s has no role any more: pages and keys end at once.")
        messages.success(request, text % values)

    def _url(self, key: Any) -> str:
        return reverse("admin:sespan_access_change", args=[key], current_app=self.admin_site.name)
