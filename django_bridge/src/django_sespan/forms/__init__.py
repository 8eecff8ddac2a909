"""Forms of the pages. A shop subclasses them to add fields, labels or rules of its own."""

from django_sespan.forms.code import CodeForm
from django_sespan.forms.login import AuthenticationForm
from django_sespan.forms.login_code import LoginCodeForm
from django_sespan.forms.password_reset import PasswordResetForm, PasswordResetMixin
from django_sespan.forms.register import EMAIL_FIELD, RegisterForm
from django_sespan.forms.resume import ResumeForm

__all__ = [
    "EMAIL_FIELD",
    "AuthenticationForm",
    "CodeForm",
    "LoginCodeForm",
    "PasswordResetForm",
    "PasswordResetMixin",
    "RegisterForm",
    "ResumeForm",
]
