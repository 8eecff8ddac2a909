"""Discount tiers, written through the database's own functions and rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from django_sespan._internal.audit import audited
from django_sespan.admin import tier_conflict
from django_sespan.admin.base import SespanAdmin
from django_sespan.admin.columns import MONEY_PLACES, decimal_column, money_column, trimmed
from django_sespan.conf import get_settings
from django_sespan.models import TransactionTier
from django_sespan.models.tier import TierRefused


class TierForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    """Shows what the database would refuse (a bad value, an overlap) at the field.

    `seen` is the version that the page showed. Where somebody saved another one meanwhile, their
    values are shown beside one's own, and saving once more is a decision.
    """

    seen = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)

    class Meta:
        model = TransactionTier
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                fraction = name in {"probability", "discount"}
                self.initial[name] = trimmed(value, 0 if fraction else MONEY_PLACES)
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

    form = TierForm
    list_display = [
        "name",
        money_column(TransactionTier, "minimum_transaction"),
        money_column(TransactionTier, "maximum_transaction"),
        decimal_column(TransactionTier, "probability"),
        decimal_column(TransactionTier, "discount"),
        "is_active",
        "starts_at",
        "ends_at",
    ]
    list_filter = ["is_active"]
    search_fields = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "is_active", "seen"]}),
        (
            _("orders"),
            {"fields": ["minimum_transaction", "maximum_transaction", "starts_at", "ends_at"]},
        ),
        (_("draw"), {"fields": ["probability", "discount", "maximum_discount"]}),
        (
            _("limits"),
            {"fields": ["budget_amount", "budget_uses", "per_customer_uses", "per_customer_draws"]},
        ),
    ]

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
