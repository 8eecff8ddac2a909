"""Discount tiers, written through the database's own functions and rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.audit import audited
from django_sespan._internal.money import PLACES, trimmed
from django_sespan.admin import tier_conflict
from django_sespan.admin.base import SespanAdmin
from django_sespan.admin.columns import moment_column, money_column, percent_column
from django_sespan.admin.tier_cost import CostForm, sentences
from django_sespan.conf import get_settings
from django_sespan.forms.percent import PercentField
from django_sespan.models import TransactionTier
from django_sespan.models.tier import AMOUNTS, TierRefused


class TierForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    """Shows what the database would refuse (a bad value, an overlap) at the field.

    `seen` is the version that the page showed. Where somebody saved another one meanwhile, their
    values are shown beside one's own, and saving once more is a decision.
    """

    probability = PercentField(
        label=_("Probability, in percent"),
        places=18,
        help_text=_("How many of 100 orders win, on average."),
    )
    discount = PercentField(
        label=_("Discount, in percent"), places=6, help_text=_("Of the amount of an order.")
    )
    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    class Meta:
        model = TransactionTier
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal) and name in AMOUNTS:
                self.initial[name] = trimmed(value, PLACES)
        for name in AMOUNTS & self.fields.keys():
            if currency := get_settings().currency:
                self.fields[name].label = f"{self.fields[name].label} ({currency})"
        if self.instance.pk is not None:
            self.initial["seen"] = self.instance.updated_at.isoformat()

    def clean(self) -> dict[str, Any]:
        """Refuse to overwrite what the page never showed."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.instance.pk is None:
            return cleaned
        stored, seen = tier_conflict.locked(self.instance.pk), cleaned.get("seen")
        if stored is not None and seen and seen != stored.updated_at.isoformat():
            data: Any = self.data
            self.data = data = data.copy()
            data[self.add_prefix("seen")] = stored.updated_at.isoformat()
            self.add_error(None, tier_conflict.sentences(stored, cleaned))
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        # Save and roll back: only the database knows the other tiers.
        key, adding = self.instance.pk, self.instance._state.adding
        using = get_settings().database
        try:
            with transaction.atomic(using=using):
                self.instance.save()
                transaction.set_rollback(True, using=using)
        except TierRefused as exc:
            self.add_error(exc.field if exc.field in self.fields else None, exc.detail)
        finally:
            self.instance.pk, self.instance._state.adding = key, adding


@admin.register(TransactionTier)
class TransactionTierAdmin(SespanAdmin):
    """The one page of Sespan that staff write to."""

    class Media:
        js = [Script("django_sespan/tier.js", defer=True)]

    form = TierForm
    list_display = [
        "name",
        money_column(TransactionTier, "minimum_transaction", _("no limit")),
        money_column(TransactionTier, "maximum_transaction", _("no limit")),
        percent_column(TransactionTier, "probability"),
        percent_column(TransactionTier, "discount"),
        "is_active",
        moment_column(TransactionTier, "starts_at"),
        moment_column(TransactionTier, "ends_at"),
    ]
    readonly_fields = ["cost"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "is_active", "seen"]}),
        (
            _("Orders"),
            {"fields": ["minimum_transaction", "maximum_transaction", "starts_at", "ends_at"]},
        ),
        (_("Draw"), {"fields": ["probability", "discount", "maximum_discount", "cost"]}),
        (
            _("Limits"),
            {"fields": ["budget_amount", "budget_uses", "per_customer_uses", "per_customer_draws"]},
        ),
    ]

    def get_urls(self) -> list[URLPattern]:
        """Add what the form asks while it is filled in."""
        view = self.admin_site.admin_view(self.cost_view)
        return [path("cost/", view, name="sespan_transactiontier_cost"), *super().get_urls()]

    def cost_view(self, request: HttpRequest) -> HttpResponse:
        """Say what a tier with these values would cost."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = CostForm(request.GET)
        said = list(sentences(form.cleaned_data)) if form.is_valid() else []
        return JsonResponse({"sentences": said})

    @admin.display(description=_("what it costs"))
    def cost(self, row: TransactionTier) -> str:
        """Say it of the stored values; a script says it of those that are being filled in."""
        said = sentences(vars(row)) if row.pk is not None else []
        return format_html(
            '<div data-sespan-cost="{}" data-sespan-fields="{}" aria-live="polite">{}</div>',
            reverse("admin:sespan_transactiontier_cost", current_app=self.admin_site.name),
            " ".join(CostForm.base_fields),
            format_html_join("", "<div>{}</div>", ((text,) for text in said)),
        )

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the error when another tier was saved between check and save."""
        try:
            with audited(request):
                return super().changeform_view(request, *args, **kwargs)
        except TierRefused as exc:
            self.message_user(request, exc.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Name the person of an action; say it where no order can win."""
        if (
            request.method == "GET"
            and self.has_view_or_change_permission(request)
            and not self._is_any_active(request)
        ):
            text = _("No tier is active: every order is at its full price.")
            self.message_user(request, text, messages.WARNING)
        with audited(request):
            return super().changelist_view(request, extra_context)

    def _is_any_active(self, request: HttpRequest) -> bool:
        ended = Q(ends_at__lte=Now())
        return self.get_queryset(request).filter(is_active=True).exclude(ended).exists()

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Name the person."""
        with audited(request):
            return super().delete_view(request, object_id, extra_context)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TransactionTier]) -> None:
        """Delete one by one, through the function."""
        for tier in queryset:
            tier.delete()
