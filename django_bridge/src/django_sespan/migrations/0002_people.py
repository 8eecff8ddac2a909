from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sespan", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Access",
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
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "permissions": [
                    ("administer", "May change tiers, mails, people and keys: the role admin"),
                    ("view_dashboard", "May see the dashboard: the role dashboard"),
                    ("view_reports", "May see and download transactions: the role report"),
                ],
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("key_id", models.CharField(max_length=12, primary_key=True, serialize=False)),
                ("name", models.TextField(verbose_name="name")),
            ],
            options={
                "verbose_name": "key",
                "verbose_name_plural": "keys",
                "db_table": 'sespan"."api_key',
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("audit_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="at")),
                ("actor", models.TextField(verbose_name="who")),
                ("actor_id", models.TextField(null=True, verbose_name="key of the person")),
                ("login", models.TextField(verbose_name="database login")),
                (
                    "way",
                    models.TextField(
                        choices=[
                            ("admin", "admin"),
                            ("http", "http"),
                            ("cli", "cli"),
                            ("sql", "sql"),
                            ("service", "service"),
                        ],
                        verbose_name="through",
                    ),
                ),
                ("address", models.GenericIPAddressField(null=True, verbose_name="address")),
                (
                    "action",
                    models.TextField(
                        choices=[
                            ("insert", "insert"),
                            ("update", "update"),
                            ("delete", "delete"),
                            ("read", "read"),
                            ("export", "export"),
                            ("retry", "retry"),
                            ("cancel", "cancel"),
                            ("pause", "pause"),
                            ("resume", "resume"),
                            ("preview", "preview"),
                            ("suppress", "suppress"),
                            ("unsuppress", "unsuppress"),
                            ("grant", "grant"),
                            ("revoke", "revoke"),
                            ("found", "found"),
                        ],
                        verbose_name="action",
                    ),
                ),
                (
                    "subject",
                    models.TextField(
                        choices=[
                            ("tier", "tier"),
                            ("key", "key"),
                            ("role", "role"),
                            ("user", "user"),
                            ("mail", "mail"),
                            ("pause", "pause"),
                            ("address", "address"),
                            ("setting", "setting"),
                            ("activation", "activation"),
                            ("api_log", "api_log"),
                            ("transaction", "transaction"),
                            ("customer", "customer"),
                            ("code", "code"),
                        ],
                        verbose_name="of what",
                    ),
                ),
                ("subject_id", models.TextField(null=True, verbose_name="which")),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
                ("ids", models.TextField(verbose_name="mails")),
                ("detail", models.TextField(null=True, verbose_name="detail")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit",
                "db_table": 'sespan"."audit',
                "ordering": ["-at", "-audit_id"],
                "managed": False,
                "default_permissions": (),
            },
        ),
    ]
