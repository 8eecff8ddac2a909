"""The pages, and the tokens of checkout and staff. Thin: request in, a flow, response out."""

from django_sespan.views.checkout import CheckoutTokenView
from django_sespan.views.code import CodeView, ResendView, RestartView
from django_sespan.views.dashboard import DashboardView
from django_sespan.views.grafana import GrafanaTokenView
from django_sespan.views.keys import KeysView, RevokeKeyView, RotateKeyView
from django_sespan.views.login import LoginView
from django_sespan.views.login_code import LoginCodeView
from django_sespan.views.register import RegisterView
from django_sespan.views.reports import (
    SummaryCsvView,
    SummaryView,
    TransactionsCsvView,
    TransactionsView,
    TransactionView,
)
from django_sespan.views.resume import ResumeView
from django_sespan.views.staff import StaffTokenView, StaffView

__all__ = [
    "CheckoutTokenView",
    "CodeView",
    "DashboardView",
    "GrafanaTokenView",
    "KeysView",
    "LoginCodeView",
    "LoginView",
    "RegisterView",
    "ResendView",
    "RestartView",
    "ResumeView",
    "RevokeKeyView",
    "RotateKeyView",
    "StaffTokenView",
    "StaffView",
    "SummaryCsvView",
    "SummaryView",
    "TransactionView",
    "TransactionsCsvView",
    "TransactionsView",
]
