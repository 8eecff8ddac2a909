"""One-time codes, without the codes."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_sespan.admin.base import ReadOnlyAdmin
from django_sespan.models import Otp


@admin.register(Otp)
class OtpAdmin(ReadOnlyAdmin):
    """Who asked for a code, and what became of it."""

    list_display = [
        "otp_id",
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
        "otp_id",
        "customer_number",
        "email",
        "purpose",
        "status",
        "challenge_id",
        "created_at",
        "valid_until",
    ]
