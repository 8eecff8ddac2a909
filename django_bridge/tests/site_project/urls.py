from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.http import HttpResponse
from django.urls import include, path

from django_sespan.forms import AuthenticationForm, PasswordResetForm
from django_sespan.views import LoginView, RegisterView
from site_project import orders


def home(request):
    return HttpResponse(f"hello {request.user.get_username()}")


ADMIN_LOOK = {"template_name": "admin/login.html"}

urlpatterns = [
    path("account/", include("django_sespan.urls")),
    path("admin/", admin.site.urls),
    path("home/", home),
    path("login/", auth_views.LoginView.as_view(**ADMIN_LOOK)),
    path("sespan-login/", LoginView.as_view()),
    path("own-login/", auth_views.LoginView.as_view(form_class=AuthenticationForm, **ADMIN_LOOK)),
    path("code-first/", RegisterView.as_view(code_first=True)),
    path(
        "reset/",
        auth_views.PasswordResetView.as_view(
            form_class=PasswordResetForm,
            success_url="/reset/sent/",
            template_name="admin/login.html",
            email_template_name="reset_mail.txt",
            subject_template_name="reset_subject.txt",
        ),
        name="password_reset",
    ),
    path(
        "reset/<uidb64>/<token>/",
        auth_views.PasswordResetConfirmView.as_view(
            success_url="/login/", template_name="admin/login.html"
        ),
        name="password_reset_confirm",
    ),
    path("checkout/<str:order_ref>/", orders.page),
]
