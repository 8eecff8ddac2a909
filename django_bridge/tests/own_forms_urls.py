"""The site of `site_project`, with sign-up forms of its own."""

from django.urls import path

import own_forms
from own_forms import view
from site_project.urls import urlpatterns as site

urlpatterns = [
    *site,
    path("plain/", view(own_forms.PlainForm, save=own_forms.save_plain)),
    path("saving/", view(own_forms.SavingForm)),
    path("model/", view(own_forms.OwnModelForm)),
    path("prefixed/", view(own_forms.OwnModelForm, prefix="new")),
    path("next/", view(own_forms.OwnModelForm, next_url="/cart/")),
    path("elsewhere/", view(own_forms.OwnModelForm, next_url="https://evil.example/")),
    path("no-password/", view(own_forms.NoPasswordForm)),
    path("file/", view(own_forms.FileForm)),
    path("unsavable/", view(own_forms.Unsavable)),
    path("two/", view(own_forms.TwoAddresses)),
    path("atomic/", own_forms.atomic),
    path("own-code-login/", own_forms.log_in),
]
