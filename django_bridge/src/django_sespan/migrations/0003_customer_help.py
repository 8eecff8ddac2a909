from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sespan", "0002_people")]

    operations = [
        migrations.CreateModel(
            name="CustomerHelp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={
                "base_manager_name": "objects",
                "verbose_name": "help for a customer",
                "verbose_name_plural": "help for customers",
                "permissions": [
                    (
                        "help_customer",
                        "May see why a customer gets no mail, and let that customer in",
                    ),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
