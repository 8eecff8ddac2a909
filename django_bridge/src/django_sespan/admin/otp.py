"""One-time codes, without the codes; and how a customer is banned who never was active.

Whoever waits for a code is inactive already, so clearing `is_active` bans nobody: the right to
become active by a code is ended instead. A site that wants the action on its own page of customers
adds it there:

    class CustomerAdmin(UserAdmin):
        actions = [revoke_activation]  # type: ignore[assignment]  # read only otherwise
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_sespan._internal import address
from django_sespan._internal.audit import audited
from django_sespan.admin.columns import key_column, moment_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.conf import get_settings
from django_sespan.errors import CustomerTableMismatch
from django_sespan.mail import queue_admin
from django_sespan.models import Otp

KEY = key_column(Otp, "otp_id")
CREATED = moment_column(Otp, "created_at")
VALID_UNTIL = moment_column(Otp, "valid_until")
REVOKE = "sespan.revoke_activation"
REVOKE_LABEL = _("End the right to become active by a code")


@admin.action(description=REVOKE_LABEL)
def revoke_activation(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> None:
    """Call `sespan.otp_revoke` for the chosen customers, or the customers of the chosen codes."""
    if not request.user.has_perm(REVOKE):
        raise PermissionDenied
    key = "customer_id" if queryset.model is Otp else "pk"
    customers = {c for c in queryset.order_by().values_list(key, flat=True) if c is not None}
    try:
        with audited(request):
            for customer_id in sorted(customers):
                queue_admin.revoke_activation(get_settings().database, customer_id)
    except (queue_admin.SchemaMissing, queue_admin.RoleMissing, CustomerTableMismatch) as exc:
        messages.error(request, str(exc))
        return
    done = ngettext(
        "%(count)d customer can no longer become active by a code.",
        "%(count)d customers can no longer become active by a code.",
        len(customers),
    )
    messages.success(request, done % {"count": len(customers)})


@admin.register(Otp)
class OtpAdmin(PersonalAdmin):
    """Who asked for a code, and its status."""

    audit_subject = "code"
    change_list_template = "django_sespan/admin/otp_list.html"
    list_display = ["email", "customer_name", "purpose", "status", CREATED, VALID_UNTIL]
    list_filter = ["status", "purpose", "created_at"]
    search_fields = ["email"]
    search_help_text = _("name, address or number of a customer, or a whole challenge")
    fields = [
        "customer_name",
        "email",
        "purpose",
        "status",
        CREATED,
        VALID_UNTIL,
        "see_also",
        "challenge_id",
        KEY,
    ]
    readonly_fields = [KEY, CREATED, VALID_UNTIL, "customer_name", "see_also"]
    actions = ["revoke_activation"]  # type: ignore[assignment]  # read only otherwise

    def exactly(self, term: str) -> Q | None:
        """Find the codes of a challenge."""
        try:
            return Q(challenge_id=UUID(term))
        except ValueError:
            return super().exactly(term)

    def of_people(self, request: HttpRequest, term: str) -> Q | None:
        """Find codes to an address that has no account yet, too."""
        people = super().of_people(request, term)
        if people is not None or "@" not in term:
            return people
        spelled = address.spellings(term)
        return Q(email__in={*spelled, *map(address.fold_ascii, spelled)}) if spelled else None

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the action is offered."""
        return request.user.has_perm(REVOKE)

    @admin.action(description=REVOKE_LABEL, permissions=["revoke"])
    def revoke_activation(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Do it for the customers of the chosen codes."""
        revoke_activation(self, request, queryset)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse an action (403) that is not offered, where Django would ignore it."""
        if request.method == "POST" and not request.user.has_perm(REVOKE):
            raise PermissionDenied
        context = {"may_revoke": request.user.has_perm(REVOKE), **(extra_context or {})}
        return super().changelist_view(request, context)
