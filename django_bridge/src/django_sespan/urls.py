"""`path("account/", include("django_sespan.urls"))`."""

from __future__ import annotations

from django.urls import path

from django_sespan import views

app_name = "django_sespan"

urlpatterns = [
    path("register/", views.RegisterView.as_view(), name="register"),
    path("code/", views.CodeView.as_view(), name="code"),
    path("code/restart/", views.RestartView.as_view(), name="restart"),
    path("code/resend/", views.ResendView.as_view(), name="resend"),
    path("code/resume/", views.ResumeView.as_view(), name="resume"),
    path("login-code/", views.LoginCodeView.as_view(), name="login-code"),
    path("checkout-token/", views.CheckoutTokenView.as_view(), name="checkout-token"),
    path("dashboard/", views.DashboardView.as_view(), name="dashboard"),
    path("staff-token/", views.StaffTokenView.as_view(), name="staff-token"),
    path("grafana-token/", views.GrafanaTokenView.as_view(), name="grafana-token"),
    path("keys/", views.KeysView.as_view(), name="keys"),
    path("keys/<slug:key_id>/rotate/", views.RotateKeyView.as_view(), name="keys-rotate"),
    path("keys/<slug:key_id>/revoke/", views.RevokeKeyView.as_view(), name="keys-revoke"),
    path("reports/", views.SummaryView.as_view(), name="reports"),
    path("reports/summary.csv", views.SummaryCsvView.as_view(), name="reports-csv"),
    path("reports/transactions/", views.TransactionsView.as_view(), name="reports-transactions"),
    path(
        "reports/transactions.csv",
        views.TransactionsCsvView.as_view(),
        name="reports-transactions-csv",
    ),
    path(
        "reports/transactions/<int:transaction_id>/",
        views.TransactionView.as_view(),
        name="reports-transaction",
    ),
]
