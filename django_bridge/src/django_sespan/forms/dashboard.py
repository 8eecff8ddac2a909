"""The range of the dashboard: one of four, or days of one's own, and the step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sespan._internal.flows.dashboard import Question
from django_sespan._internal.stats import STEPS

FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2998, 12, 30)
MOST_DAYS = 36_525
"""A hundred years."""
MOST_STEPS = 2_400
QUARTER = timedelta(minutes=15)

RANGES = {
    "24h": gettext_lazy("24 hours"),
    "7d": gettext_lazy("7 days"),
    "30d": gettext_lazy("30 days"),
    "90d": gettext_lazy("90 days"),
    "own": gettext_lazy("Own range"),
}
DAYS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
STEP_CHOICES = {
    "hour": gettext_lazy("Hours"),
    "day": gettext_lazy("Days"),
    "week": gettext_lazy("Weeks"),
    "month": gettext_lazy("Months"),
}
STEP_DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30}
PLEASE = {
    "invalid": gettext_lazy("This is no day. Write it like 2026-11-30."),
    "required": gettext_lazy("Please enter a day."),
    "invalid_choice": gettext_lazy("Please choose one of these."),
}


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages=PLEASE,
    )


class DashboardForm(forms.Form):
    """`?range=30d&step=day`, or `?range=own&first=2026-11-01&last=2026-11-30`."""

    range = forms.ChoiceField(choices=RANGES.items(), error_messages=PLEASE)
    first = _day(gettext_lazy("From"))
    last = _day(gettext_lazy("until"))
    step = forms.ChoiceField(choices=STEP_CHOICES.items(), required=False, error_messages=PLEASE)

    def __init__(self, query: Mapping[str, Any]) -> None:
        data = {name: str(query.get(name, "")) for name in self.base_fields}
        if not data["range"]:
            data["range"] = "own" if data["first"] or data["last"] else "7d"
        super().__init__(data)

    def clean_first(self) -> date | None:
        """Refuse a day far from any shop."""
        return self._known_day("first")

    def clean_last(self) -> date | None:
        """Refuse a day far from any shop."""
        return self._known_day("last")

    def _known_day(self, name: str) -> date | None:
        day: date | None = self.cleaned_data[name]
        if day is None and self.data["range"] == "own":
            raise forms.ValidationError(PLEASE["required"], code="required")
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise forms.ValidationError(_("Please choose a day from 1970 to 2998."), code="invalid")
        return day

    def clean(self) -> dict[str, Any]:
        """Refuse a range the wrong way round, one that is too long, and too small a step."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        first, last = cleaned["first"], cleaned["last"]
        own = cleaned["range"] == "own"
        if own and last < first:
            text = _("This is before the first day. Please exchange the two, or mend one.")
            self.add_error("last", text)
        elif own and (last - first).days >= MOST_DAYS:
            self.add_error("last", _("A range has a hundred years at most."))
        elif cleaned["step"] and self._number_of(cleaned["step"]) > MOST_STEPS:
            self.add_error(
                "step",
                _("These are more than 2,400 steps. Please choose %(step)s, or a shorter range.")
                % {"step": str(STEP_CHOICES[self._finest()])},
            )
        return cleaned

    @property
    def days(self) -> int:
        """Return how many days the range of a valid form has."""
        if self.cleaned_data["range"] != "own":
            return DAYS[self.cleaned_data["range"]]
        whole: timedelta = self.cleaned_data["last"] - self.cleaned_data["first"]
        return whole.days + 1

    @property
    def chosen_step(self) -> str:
        """Return the step of a valid form: the chosen one, or one that reads well."""
        chosen: str = self.cleaned_data["step"]
        if chosen:
            return chosen
        limits = {"hour": 2, "day": 120, "week": 1_100}
        return next((step for step, most in limits.items() if self.days <= most), "month")

    @property
    def steps(self) -> list[str]:
        """Return the steps that make sense for the range of a valid form."""
        fitting = (
            s for s in STEPS if self.days > STEP_DAYS[s] and self._number_of(s) <= MOST_STEPS
        )
        return [*dict.fromkeys([*fitting, self.chosen_step])]

    def question(self, now: datetime) -> Question:
        """Return what to ask Sespan, whose days begin in its own time zone."""
        chosen = self.cleaned_data
        if chosen["range"] == "own":
            return Question(chosen["first"], chosen["last"] + timedelta(days=1), self.chosen_step)
        # The quarter of an hour that is under way counts, so that what just happened is there.
        until = now - timedelta(seconds=now.timestamp() % QUARTER.total_seconds()) + QUARTER
        local = now.astimezone(timezone.get_default_timezone())
        if chosen["range"] == "24h":
            hour = local.replace(minute=0, second=0, microsecond=0)
            return Question(hour.astimezone(UTC) - timedelta(hours=23), until, self.chosen_step)
        return Question(local.date() - timedelta(days=self.days - 1), until, self.chosen_step)

    def with_days(self, now: datetime) -> DashboardForm:
        """Fill in the days of a chosen range, so that one can go on from them."""
        if self.is_valid() and self.data["range"] != "own":
            local = now.astimezone(timezone.get_default_timezone())
            back = timedelta(hours=23) if self.days == 1 else timedelta(days=self.days - 1)
            first, last = (local - back).date(), local.date()
            self.data = {**self.data, "first": first.isoformat(), "last": last.isoformat()}
        return self

    def _number_of(self, step: str) -> int:
        return int(self.days / STEP_DAYS[step]) + (step != "hour")

    def _finest(self) -> str:
        return next(step for step in STEPS if self._number_of(step) <= MOST_STEPS)
