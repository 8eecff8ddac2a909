"""One-time codes, without the codes; and how a customer is banned who never was active.

Whoever waits for a code is inactive already, so clearing `is_active` bans nobody: the right to
become active by a code is ended instead. A site that wants the action on its own page of customers
adds it there:

    class CustomerAdmin(UserAdmin):
        actions = [revoke_activation]  # type: ignore[assignment]  # read only otherwise
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_sespan._internal.audit import audited
from django_sespan.admin.columns import key_column
from django_sespan.admin.personal import PersonalAdmin
from django_sespan.conf import get_settings
from django_sespan.errors import CustomerTableMismatch
from django_sespan.mail import queue_admin
from django_sespan.models import Otp

KEY = key_column(Otp, "otp_id")
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
    list_display = [
        KEY,
        "email",
        "customer_number",
        "purpose",
        "status",
        "created_at",
        "valid_until",
    ]
    list_filter = ["status", "purpose", "created_at"]
    search_fields = ["email", "challenge_id"]
    search_help_text = _("e-mail address or challenge, whole")
    fields = [
        KEY,
        "customer_number",
        "email",
        "purpose",
        "status",
        "challenge_id",
        "created_at",
        "valid_until",
    ]
    readonly_fields = [KEY]
    actions = ["revoke_activation"]  # type: ignore[assignment]  # read only otherwise

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
