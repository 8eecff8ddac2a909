"""What the admin pages share: the database alias, quick counts, and read-only pages."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from django_sespan.conf import get_settings

EXACT_UP_TO = 10_000
NUL = "\x00"


class QuickPaginator(Paginator):  # type: ignore[type-arg]
    """Counts exactly up to ten thousand rows and asks the planner beyond.

    A page over a log of millions of rows must not count them all to show the first.
    """

    @cached_property
    def count(self) -> int:
        """Number of rows, estimated when they are many."""
        rows = cast("QuerySet[Any]", self.object_list).order_by()
        exact = rows[: EXACT_UP_TO + 1].count()
        if exact <= EXACT_UP_TO:
            return exact
        plan = json.loads(rows.explain(format="json"))
        return max(exact, int(plan[0]["Plan"]["Plan Rows"]))


class SespanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # no subscript at run time
    """Reads from the alias where Sespan lives."""

    paginator = QuickPaginator
    show_full_result_count = False

    class Media:
        css = {"all": ["django_sespan/admin.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find whole values, so that an index can serve; Django's own `=` compares UPPER()."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = Q()
        for name in self.search_fields:
            field: Any = self.model._meta.get_field(name)
            try:
                value = field.to_python(term)
                field.run_validators(value)
                condition |= Q(**{name: value})
            except ValidationError:
                continue  # no such value can stand in that column
        return (queryset.filter(condition) if condition else queryset.none()), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer a NUL, which no text of PostgreSQL holds, as Django does any wrong look-up."""
        if any(NUL in text for name in request.GET for text in (name, *request.GET.getlist(name))):
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return super().changelist_view(request, extra_context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """Find nothing by a key that no row can have."""
        return None if NUL in object_id else super().get_object(request, object_id, from_field)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Use SESPAN["DATABASE"]."""
        return super().get_queryset(request).using(get_settings().database)


class ReadOnlyAdmin(SespanAdmin):
    """Nobody adds, changes or deletes here; the view permission shows."""

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from the service."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are a log."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows go by retention."""
        return False
