"""Addresses of the account pages; registering and the code form are the bridge's."""

from django.contrib.auth import views as auth_views
from django.urls import path, reverse_lazy

from accounts import views
from accounts.forms import LoginForm, ShopRegisterForm
from django_sespan.forms import PasswordResetForm
from django_sespan.views import LoginView, RegisterView

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("register/", RegisterView.as_view(form_class=ShopRegisterForm), name="register"),
    path(
        "login/",
        LoginView.as_view(
            template_name="accounts/login.html",
            authentication_form=LoginForm,
            redirect_authenticated_user=True,
        ),
        name="login",
    ),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth_views.PasswordChangeView.as_view(
            template_name="accounts/password_change.html",
            success_url=reverse_lazy("accounts:account"),
        ),
        name="password",
    ),
    path(
        "password/forgotten/",
        auth_views.PasswordResetView.as_view(
            form_class=PasswordResetForm,
            template_name="accounts/password_forgotten.html",
            email_template_name="accounts/mail/password_reset.txt",
            subject_template_name="accounts/mail/password_reset_subject.txt",
            success_url=reverse_lazy("accounts:password-sent"),
        ),
        name="password-forgotten",
    ),
    path(
        "password/sent/",
        auth_views.PasswordResetDoneView.as_view(template_name="accounts/password_sent.html"),
        name="password-sent",
    ),
    path(
        "password/<uidb64>/<token>/",
        auth_views.PasswordResetConfirmView.as_view(
            template_name="accounts/password_new.html",
            success_url=reverse_lazy("accounts:login"),
        ),
        name="password-new",
    ),
]
