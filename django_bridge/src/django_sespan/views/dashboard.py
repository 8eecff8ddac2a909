"""The dashboard: figures, charts and tables of how the shop and its service do."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse

from django_sespan import errors
from django_sespan._internal.dashboard.board import ASKED_FOR, Board, board, reason, table_of
from django_sespan._internal.dashboard.frame import Table
from django_sespan._internal.flows.dashboard import Answers, Question, failed, gather
from django_sespan._internal.uplot import uplot
from django_sespan.conf import get_settings
from django_sespan.forms.dashboard import RANGES, STEP_CHOICES, DashboardForm
from django_sespan.views.checkout import problem
from django_sespan.views.staff import StaffView

BYTE_ORDER_MARK = "\ufeff"
"""Tells a spreadsheet that the file is UTF-8."""
QUEUE = "mail-queue"


class DashboardView(StaffView):
    """`dashboard`: GET → the page; with `format=json` its figures, with `table=…` a CSV."""

    role = "dashboard"
    http_method_names = ["get", "head", "options"]
    template_name = "django_sespan/dashboard.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask Sespan as this person, and show what came."""
        form = DashboardForm(request.GET)
        if not form.is_valid():
            return self._refused(form)
        question = form.question(datetime.now(UTC))
        if slug := request.GET.get("table", ""):
            return self._csv(form, question, slug)
        answers = gather(self.staff, question)
        if refused := _refusal_of_all(answers):
            form.add_error(None, refused.detail)
            return self._refused(form)
        shown = board(answers, get_settings().database, datetime.now(UTC))
        if not _wants_json(request):
            return self._page(form, shown, 503 if shown.away else 200)
        if shown.away:
            return problem(503, "unavailable", shown.away)
        return JsonResponse(shown.plain())

    def _page(self, form: DashboardForm, shown: Board | None, status: int) -> HttpResponse:
        context: dict[str, Any] = {
            "ranges": _ranges(form),
            "steps": _steps(form) if form.is_valid() else [],
            "query": _query(form),
            "form": form.with_days(datetime.now(UTC)),
            "board": shown,
            "charts": uplot(),
            "data": shown.charts() if shown else {},
        }
        return TemplateResponse(self.request, self.template_name, context, status=status)

    def _refused(self, form: DashboardForm) -> HttpResponse:
        if _wants_json(self.request):
            texts = [str(text) for field in form.errors.values() for text in field]
            return problem(422, "invalid", " ".join(texts))
        return self._page(form, None, 422)

    def _csv(self, form: DashboardForm, question: Question, slug: str) -> HttpResponse:
        if slug == QUEUE:
            shown = board({}, get_settings().database, datetime.now(UTC)).queue
            if shown.error:
                return problem(503, "unavailable", shown.error)
            return _download(shown.tables[0], "")
        if slug not in ASKED_FOR:
            raise Http404("no such table")
        name = ASKED_FOR[slug]
        answer = gather(self.staff, question, [name])[name]
        if isinstance(answer, errors.SespanRefused):
            form.add_error(None, reason(answer))
            return self._refused(form)
        if isinstance(answer, errors.SespanError):
            raise answer
        days = f"-{answer.since:%Y%m%d}-{answer.until:%Y%m%d}"
        return _download(table_of(name, answer, slug), days)


def _download(table: Table, days: str) -> HttpResponse:
    text = io.StringIO()
    csv.writer(text).writerows(table.spreadsheet())
    response = HttpResponse(
        BYTE_ORDER_MARK + text.getvalue(), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{table.slug}{days}.csv"'
    return response


def _refusal_of_all(answers: Answers) -> errors.SespanRefused | None:
    """Return the refusal when nothing was accepted: then the range is at fault."""
    refused = failed(answers, errors.SespanRefused)
    return refused[0] if len(refused) == len(answers) else None


def _wants_json(request: HttpRequest) -> bool:
    if chosen := request.GET.get("format"):
        return chosen == "json"
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _query(form: DashboardForm) -> str:
    kept = {name: form.data[name] for name in ("range", "first", "last", "step")}
    return urlencode({name: value for name, value in kept.items() if value})


def _ranges(form: DashboardForm) -> list[dict[str, Any]]:
    current = form.data["range"]
    return [
        {"query": f"range={name}", "label": label, "current": name == current}
        for name, label in RANGES.items()
        if name != "own"
    ]


def _steps(form: DashboardForm) -> list[dict[str, Any]]:
    kept = {name: form.data[name] for name in ("range", "first", "last") if form.data[name]}
    return [
        {
            "query": urlencode({**kept, "step": step}),
            "label": STEP_CHOICES[step],
            "current": step == form.chosen_step,
        }
        for step in form.steps
    ]
