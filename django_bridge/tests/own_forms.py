"""Sign-up forms of a site's own, of the kinds that there are, and the view around them."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.http import HttpResponse
from django.template import engines

from django_sespan import login_code, registration

PAGE = "{{ form.as_p }}"
TAKEN = "That address has an account already."


class PlainForm(forms.Form):
    """No model; it looks for the address itself, and says what it finds."""

    nick = forms.CharField()
    mail = forms.EmailField()
    newsletter = forms.BooleanField(required=False)
    secret = forms.CharField(
        widget=forms.PasswordInput, max_length=20, validators=[validate_password]
    )

    email_field = "mail"

    def clean_mail(self):
        if self.cleaned_data["mail"].endswith("@spam.example"):
            raise forms.ValidationError("No mails to there.")
        if User.objects.filter(email__iexact=self.cleaned_data["mail"]).exists():
            raise forms.ValidationError(TAKEN)
        return self.cleaned_data["mail"]


def save_plain(request, form):
    """The customer of a PlainForm."""
    data = form.cleaned_data
    return User(username=data["nick"], email=data["mail"], last_name=str(data["newsletter"]))


class SavingForm(PlainForm):
    """It saves itself, with the request, as those of allauth do."""

    def save(self, request):
        user = User(username=self.cleaned_data["nick"], email=self.cleaned_data["mail"])
        user.set_password(self.cleaned_data["secret"])
        user.save()
        return user


class OwnModelForm(BaseUserCreationForm):
    """A form of Django's, with a rule of its own on both fields at once."""

    class Meta:
        model = User
        fields = ["username", "email"]

    def clean(self):
        super().clean()
        if User.objects.filter(email=self.cleaned_data.get("email")).exists():
            self.add_error("email", TAKEN)


class NoPasswordForm(forms.ModelForm):
    """Whoever signs up here logs in by codes."""

    class Meta:
        model = User
        fields = ["username", "email"]


class FileForm(OwnModelForm):
    picture = forms.FileField(required=False)


class Unsavable(forms.Form):
    email = forms.EmailField()


class TwoAddresses(forms.Form):
    mine = forms.EmailField()
    yours = forms.EmailField()


def view(form_class, *, save=None, prefix=None, next_url=""):
    """The site's own view."""

    @transaction.non_atomic_requests
    def sign_up(request):
        form = form_class(request.POST or None, prefix=prefix)
        if request.method == "POST":
            begun = registration.begin(request, form, save=save, next_url=next_url)
            if begun is not None:
                return begun
        return HttpResponse(engines["django"].from_string(PAGE).render({"form": form}, request))

    return sign_up


@transaction.non_atomic_requests
def log_in(request):
    """The site's own page for a login by code."""
    return login_code.begin(request, request.POST["address"])


def atomic(request):
    """A view that was left in the transaction of ATOMIC_REQUESTS."""
    return registration.begin(request, OwnModelForm(request.POST))
