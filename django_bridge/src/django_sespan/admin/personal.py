"""Pages that show rows about people: whose they are, by name; that they were read, in the audit."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal import customers
from django_sespan._internal.audit import Entry, enter
from django_sespan.admin import links
from django_sespan.admin.page import PageAdmin, explain_database_errors

MAX_KEY = 2**63 - 1


class NamedRows(ChangeList):
    """A page of a list whose rows know who their customers are."""

    def get_results(self, request: HttpRequest) -> None:
        """Look up the names of the page's customers at once."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.complete(request, self.result_list)  # type: ignore[attr-defined]


class PersonalAdmin(PageAdmin):
    """Enters each list and each row that it shows; without the entry nothing is shown."""

    audit_subject = ""
    list_per_page = 50

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Show names."""
        return NamedRows

    def complete(self, request: HttpRequest, rows: list[Any]) -> None:
        """Give rows what their columns show beside their own values, in one query each."""
        found = customers.look_up((row.customer_id for row in rows), request.user)
        for row in rows:
            row.request = request
            row.who = found.get(row.customer_id)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """Complete the row, too."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.complete(request, [row])
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by what can be nothing else (a number, a response), or else by whose rows it is."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = self.exactly(term)
        if condition is None:
            condition = self.of_people(request, term)
        return (queryset.none() if condition is None else queryset.filter(condition)), False

    def exactly(self, term: str) -> Q | None:
        """Return the condition of a whole number; a page has more."""
        return Q(customer_id=int(term)) if is_key(term) else None

    def of_people(self, request: HttpRequest, term: str) -> Q | None:
        """Return the condition of the customers with this address or name; None for nobody.

        The log is then read by its index of customers, and never searched for a name.
        """
        keys = customers.search(request, self.admin_site, term)
        if len(keys) > customers.AT_MOST:
            text = _("More than %(count)s customers are like this; the list shows some of them. "
                     "Give the whole address or name.")  # fmt: skip
            messages.warning(request, text % {"count": customers.AT_MOST})
        return Q(customer_id__in=keys[: customers.AT_MOST]) if keys else None

    @admin.display(description=gettext_lazy("customer"), ordering="customer_id", empty_value="–")
    def customer_name(self, row: Any) -> str | None:
        """Show who it is, by name and address."""
        return links.name_of(row.who)

    @admin.display(description=gettext_lazy("see also"), empty_value="–")
    def see_also(self, row: Any) -> str | None:
        """Lead to what else there is about it."""
        found = [*self.related(row)]
        if row.who is not None:
            found += links.of_customer(row.request, row.who)
        return links.written(found) or None

    def related(self, row: Any) -> list[links.Link | None]:
        """Return where else something stands about the row, beside its customer."""
        return []

    @explain_database_errors
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and enter what was asked for."""
        response = super().changelist_view(request, extra_context)
        detail = request.META.get("QUERY_STRING", "")
        self.enter_read(None, detail)
        return response

    @explain_database_errors
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row, and enter which."""
        response = super().change_view(request, object_id, form_url, extra_context)
        if response.status_code == HTTPStatus.OK:  # else there is no such row
            self.enter_read(object_id, "")
        return response

    def enter_read(self, subject_id: str | None, detail: str) -> None:
        """Add the entry; the page is refused where that fails."""
        enter(self.using, Entry("read", self.audit_subject, subject_id, detail=detail or None))


def is_key(term: str) -> bool:
    """Whether a text is a number that a customer may have."""
    return term.isascii() and term.isdigit() and int(term) <= MAX_KEY
