"""The client's calls about transactions, for the role report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

from django_sespan._internal import report_responses
from django_sespan._internal.exports import Export
from django_sespan._internal.report_responses import (
    DrawProof,
    Summary,
    Transaction,
    TransactionPage,
)
from django_sespan._internal.transport import Answer

PATH = "/v1/transactions"
SUMMARY_PATH = f"{PATH}/summary"
SUMMARY_SECONDS = 25.0
"""A summary by customer reads the rows themselves; the service ends it after 20 s."""

Moment = date | datetime
"""A day begins in Sespan's time zone; a time must be aware."""


class SummaryFilters(TypedDict, total=False):
    """What a summary takes. The range is half-open: [since, until)."""

    since: Moment | None
    until: Moment | None
    customer_id: object
    tier_id: int | None
    """0: orders to which no tier applied."""


class TransactionFilters(SummaryFilters, total=False):
    """What a list takes."""

    discounted: bool | None
    cancelled: bool | None
    order_ref: str | None


class ReportCalls:
    """Mixed into the client. All of them need the role report: `client.as_staff(token)`."""

    def transactions(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[TransactionFilters],
    ) -> TransactionPage:
        """Return up to `limit` (50, at most 500) transactions, newest first."""
        params = {**_params(filters), "limit": limit, "cursor": cursor}
        return report_responses.page(self._read(PATH, params).data)

    def transaction(self, transaction_id: int) -> tuple[Transaction, DrawProof]:
        """Return one transaction and what proves its draw; UnknownTransaction."""
        data = self._read(f"{PATH}/{int(transaction_id)}", {}).data
        return report_responses.transaction(data), report_responses.proof(data)

    def transaction_summary(
        self, group_by: str = "day", **filters: Unpack[SummaryFilters]
    ) -> Summary:
        """Sum up by `hour`, `day`, `week`, `month`, `tier` or `customer`."""
        params = {**_params(filters), "group_by": group_by}
        return report_responses.summary(self._read(SUMMARY_PATH, params, SUMMARY_SECONDS).data)

    def transactions_csv(self, **filters: Unpack[TransactionFilters]) -> Export:
        """Download the entries of a range, draws and cancellations, oldest first."""
        return self._download(PATH, _params(filters))

    def transaction_summary_csv(
        self, group_by: str = "day", **filters: Unpack[SummaryFilters]
    ) -> Export:
        """Download a summary."""
        return self._download(SUMMARY_PATH, {**_params(filters), "group_by": group_by})

    def _read(self, path: str, params: Mapping[str, Any], seconds: float | None = None) -> Answer:
        raise NotImplementedError  # the client's

    def _download(self, path: str, params: Mapping[str, Any]) -> Export:
        raise NotImplementedError  # the client's


def _params(filters: Mapping[str, Any]) -> dict[str, str]:
    names = {"since": "from", "until": "to"}
    return {
        names.get(name, name): _text(value) for name, value in filters.items() if value is not None
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a naive time; give an aware one")
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
