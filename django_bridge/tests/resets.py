"""URLs of a site whose own form counts, and of a page whose form does not."""

from __future__ import annotations

from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import PasswordResetView
from django.urls import include, path

from django_sespan.forms import PasswordResetMixin


class OwnForm(PasswordResetMixin, PasswordResetForm):
    """A site's own."""


urlpatterns = [
    path("own/", PasswordResetView.as_view(form_class=OwnForm), name="own"),
    path("accounts/", include([path("reset/", PasswordResetView.as_view(), name="unlimited")])),
]
