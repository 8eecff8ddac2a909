"""The pages and the checkout's token. Thin: request in, a flow, response out."""

from django_sespan.views.checkout import CheckoutTokenView
from django_sespan.views.code import CodeView, ResendView
from django_sespan.views.login import LoginView
from django_sespan.views.register import RegisterView
from django_sespan.views.resume import ResumeView

__all__ = [
    "CheckoutTokenView",
    "CodeView",
    "LoginView",
    "RegisterView",
    "ResendView",
    "ResumeView",
]
