"""The report pages: what was sold, summed up and one by one, as pages and as CSV."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from django_sespan import errors
from django_sespan._internal import messages, report_rows
from django_sespan._internal.customer_admin import customer_url
from django_sespan._internal.downloads import download
from django_sespan._internal.exports import Export
from django_sespan._internal.report_responses import Summary, TransactionPage
from django_sespan._internal.words import LIMITS, word
from django_sespan.client import Client
from django_sespan.forms.reports import ReportForm, SummaryForm, TransactionsForm
from django_sespan.views.staff import StaffView, logger

PAGE = 50


class ReportView(StaffView):
    """What the pages share."""

    role = "report"

    def page(self, name: str, status: int = 200, **context: Any) -> TemplateResponse:
        """Show a template of the reports."""
        template = f"django_sespan/reports/{name}.html"
        shared = {"roles": self.roles, "site_zone": timezone.get_default_timezone_name()}
        return TemplateResponse(self.request, template, shared | context, status=status)

    def offer_tiers(self, form: ReportForm, client: Client, summary: Summary | None = None) -> None:
        """Fill the choice of tiers with those of the form's range."""
        if summary is None or summary.group_by != "tier":
            try:
                summary = client.transaction_summary("tier", **form.between())
            except errors.SespanRefused:
                return  # the page itself shows what is wrong with the range
        form.set_tiers(report_rows.tier_choices(summary))


class SummaryView(ReportView):
    """`reports`: cards, chart and table."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show the sums."""
        form, client, summary, notice = SummaryForm(request.GET), self.staff, None, ""
        if form.is_valid():
            try:
                group_by = form.cleaned_data["group_by"]
                summary = client.transaction_summary(group_by, **form.filters())
            except (errors.ReportTooLarge, errors.TooManyExports) as exc:
                messages.log(logger, "No summary", exc)
                notice = messages.for_report(exc)
            except errors.SespanRefused as exc:
                refuse(form, exc)
        self.offer_tiers(form, client)
        return self.page(
            "summary",
            503 if notice else 200,
            form=form,
            notice=notice,
            periods=report_rows.period_links(form),
            summary=summary,
            **(report_rows.summary_context(form, summary) if summary else {}),
        )


class TransactionsView(ReportView):
    """`reports/transactions/`: one by one, newest first."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show a page; a cursor that is of other filters shows the first one, and says so."""
        form, client, page, notice = TransactionsForm(request.GET), self.staff, None, ""
        if form.is_valid():
            try:
                page, notice = self._find(form, client)
            except errors.SespanRefused as exc:
                refuse(form, exc)
        self.offer_tiers(form, client)
        older = page.next_cursor if page else None
        return self.page(
            "transactions",
            form=form,
            page=page,
            notice=notice,
            unfiltered=form.only_days,
            older=form.query(cursor=older) if older else "",
            newest=form.query() if form.cursor and not notice else "",
            csv_url=f"{reverse('django_sespan:reports-transactions-csv')}?{form.query()}",
        )

    def _find(self, form: TransactionsForm, client: Client) -> tuple[TransactionPage, str]:
        filters = form.filters()
        try:
            return client.transactions(limit=PAGE, cursor=form.cursor or None, **filters), ""
        except errors.SespanRefused as exc:
            if not form.cursor or "query.cursor" not in locations(exc):
                raise
        notice = gettext("That page was of another search, or is too old. This is the first page.")
        return client.transactions(limit=PAGE, **filters), notice


class TransactionView(ReportView):
    """`reports/transactions/<id>/`: one order, and what proves its draw."""

    def get(self, request: HttpRequest, transaction_id: int) -> HttpResponseBase:
        """Show it."""
        try:
            sale, proof = self.staff.transaction(transaction_id)
        except errors.SespanRefused as exc:
            messages.log(logger, f"No transaction {transaction_id}", exc)
            return self.page(
                "problem",
                404,
                title=gettext("No such transaction"),
                sentence=gettext("There is no transaction with the number %(number)s.")
                % {"number": transaction_id},
                back=reverse("django_sespan:reports-transactions"),
            )
        return self.page(
            "transaction",
            sale=sale,
            proof=proof,
            limit=word(sale.capped_by or "", LIMITS),
            customer_url=customer_url(request.user, sale.customer_id),
        )


class DownloadView(ReportView):
    """A page's filters as CSV. What is wrong before the first byte is a page with a sentence."""

    form_class: type[SummaryForm | TransactionsForm]
    page_name = ""
    file_name = ""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Begin the download."""
        form = self.form_class(request.GET)
        if not form.is_valid():
            return self._refused(form, gettext("Some of the filters are not right."), 422)
        try:
            export = self.begin(form)
            return download(request, export, self._name(form, export))
        except (errors.TooManyExports, errors.ReportTooLarge) as exc:
            messages.log(logger, "No download", exc)
            return self._refused(form, messages.for_report(exc), exc.status or 503)
        except errors.SespanRefused as exc:
            messages.log(logger, "No download", exc)
            return self._refused(form, messages.for_report(exc), 422)

    def begin(self, form: Any) -> Export:
        """Ask the service."""
        raise NotImplementedError

    def _name(self, form: ReportForm, export: Export) -> str:
        parts = [self.file_name, form.data["first"], form.data["last"]]
        last = form.cleaned_data.get("last")
        until = export.until
        if until is not None:
            local = until.astimezone(timezone.get_default_timezone())
            if last is None or local.date() <= last:
                parts.append(f"until-{local:%Y-%m-%dT%H%M%S}")
        return "_".join(part for part in parts if part) + ".csv"

    def _refused(self, form: ReportForm, sentence: str, status: int) -> HttpResponseBase:
        return self.page(
            "problem",
            status,
            title=gettext("No download"),
            sentence=sentence,
            back=f"{reverse(self.page_name)}?{form.query()}",
        )


class SummaryCsvView(DownloadView):
    """`reports/summary.csv`."""

    form_class = SummaryForm
    page_name = "django_sespan:reports"
    file_name = "summary"

    def begin(self, form: SummaryForm) -> Export:
        """Ask for the sums."""
        group_by = form.cleaned_data["group_by"]
        return self.staff.transaction_summary_csv(group_by, **form.filters())


class TransactionsCsvView(DownloadView):
    """`reports/transactions.csv`: draws and cancellations, oldest first."""

    form_class = TransactionsForm
    page_name = "django_sespan:reports-transactions"
    file_name = "transactions"

    def begin(self, form: TransactionsForm) -> Export:
        """Ask for the entries."""
        return self.staff.transactions_csv(**form.export_filters())


def locations(error: errors.SespanError) -> list[str]:
    """Return which parameters of the call the service refused."""
    found = error.members.get("errors")
    rows = found if isinstance(found, list) else []
    return [str(row.get("location", "")) for row in rows if isinstance(row, dict)]


def refuse(form: ReportForm, error: errors.SespanRefused) -> None:
    """Show at the form what the service refused."""
    for location in locations(error) or [""]:
        form.refuse(location, messages.for_report(error))
