from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ApiLog",
            fields=[
                ("log_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("response_id", models.UUIDField(verbose_name="response")),
                ("time_requested", models.DateTimeField(verbose_name="requested")),
                ("time_responded", models.DateTimeField(verbose_name="responded")),
                ("elapsed_time", models.DurationField(verbose_name="elapsed")),
                (
                    "request_type",
                    models.TextField(
                        choices=[
                            ("OTP", "OTP"),
                            ("Login", "Login"),
                            ("Transaction", "Transaction"),
                            ("Report", "Report"),
                            ("Admin", "Admin"),
                        ],
                        verbose_name="type",
                    ),
                ),
                (
                    "outcome",
                    models.TextField(
                        choices=[("success", "success"), ("failure", "failure")],
                        verbose_name="outcome",
                    ),
                ),
                ("status", models.SmallIntegerField(verbose_name="HTTP status")),
                ("status_details", models.TextField(verbose_name="details")),
                ("ip", models.GenericIPAddressField(null=True, verbose_name="address")),
                ("request_header", models.JSONField(verbose_name="request header")),
                ("request_body", models.TextField(verbose_name="request body")),
                ("response_header", models.JSONField(verbose_name="response header")),
                ("response_body", models.TextField(verbose_name="response body")),
                ("stands_for", models.IntegerField(default=1, verbose_name="stands for")),
            ],
            options={
                "verbose_name": "API call",
                "verbose_name_plural": "API log",
                "db_table": 'sespan"."api_log_full',
                "ordering": ["-time_requested", "-response_id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="MailMessage",
            fields=[
                ("message_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("category", models.TextField(null=True, verbose_name="category")),
                ("sender", models.TextField(null=True, verbose_name="from")),
                ("to_addresses", models.TextField(verbose_name="to")),
                ("cc_addresses", models.TextField(verbose_name="Cc")),
                ("subject", models.TextField(verbose_name="subject")),
                ("priority", models.SmallIntegerField(verbose_name="priority")),
                ("send_at", models.DateTimeField(null=True, verbose_name="send at")),
                ("expires_at", models.DateTimeField(null=True, verbose_name="expires")),
                ("size_bytes", models.IntegerField(verbose_name="bytes")),
                ("recipients", models.SmallIntegerField(verbose_name="recipients")),
                ("pending", models.SmallIntegerField(verbose_name="waiting")),
                ("sent", models.SmallIntegerField(verbose_name="sent")),
                ("dead", models.SmallIntegerField(verbose_name="dead")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
            ],
            options={
                "verbose_name": "mail",
                "verbose_name_plural": "mails",
                "db_table": 'sespan"."mail_message',
                "ordering": ["-message_id"],
                "permissions": [
                    ("preview_mail", "Can read the content of mails"),
                    ("manage_mail", "Can retry, cancel, pause and resume mails"),
                ],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="MailQueue",
            fields=[
                ("queue_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("message_id", models.BigIntegerField(verbose_name="mail")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("recipient", models.TextField(verbose_name="recipient")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("queued", "queued"),
                            ("scheduled", "scheduled"),
                            ("sending", "sending"),
                            ("retry", "retry"),
                            ("unknown", "unknown"),
                            ("sent", "sent"),
                            ("dead", "dead"),
                            ("expired", "expired"),
                            ("suppressed", "suppressed"),
                            ("cancelled", "cancelled"),
                        ],
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.SmallIntegerField(verbose_name="tries")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due")),
                ("priority", models.SmallIntegerField(verbose_name="priority")),
                ("tried_at", models.DateTimeField(null=True, verbose_name="tried")),
                ("last_reason", models.TextField(null=True, verbose_name="reason")),
                ("last_code", models.SmallIntegerField(null=True, verbose_name="SMTP code")),
                ("last_reply", models.TextField(null=True, verbose_name="server's answer")),
            ],
            options={
                "verbose_name": "waiting mail",
                "verbose_name_plural": "mail queue",
                "db_table": 'sespan"."mail_queue',
                "ordering": ["-queue_id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="MailRecipient",
            fields=[
                ("queue_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("message_id", models.BigIntegerField(verbose_name="mail")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("recipient", models.TextField(verbose_name="recipient")),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("queued", "queued"),
                            ("scheduled", "scheduled"),
                            ("sending", "sending"),
                            ("retry", "retry"),
                            ("unknown", "unknown"),
                            ("sent", "sent"),
                            ("dead", "dead"),
                            ("expired", "expired"),
                            ("suppressed", "suppressed"),
                            ("cancelled", "cancelled"),
                        ],
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.SmallIntegerField(verbose_name="tries")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("reason", models.TextField(null=True, verbose_name="reason")),
                ("code", models.SmallIntegerField(null=True, verbose_name="SMTP code")),
                ("reply", models.TextField(null=True, verbose_name="server's answer")),
                ("relay", models.TextField(null=True, verbose_name="mail server")),
            ],
            options={
                "verbose_name": "mail recipient",
                "verbose_name_plural": "mail recipients",
                "db_table": 'sespan"."mail_recipient',
                "ordering": ["-queue_id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Otp",
            fields=[
                ("otp_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("email", models.TextField(verbose_name="e-mail")),
                (
                    "purpose",
                    models.TextField(
                        choices=[
                            ("registration", "registration"),
                            ("login", "login"),
                        ],
                        verbose_name="purpose",
                    ),
                ),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("pending", "pending"),
                            ("verified", "verified"),
                            ("expired", "expired"),
                            ("superseded", "superseded"),
                            ("locked", "locked"),
                        ],
                        verbose_name="status",
                    ),
                ),
                ("challenge_id", models.UUIDField(verbose_name="challenge")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("valid_until", models.DateTimeField(verbose_name="valid until")),
            ],
            options={
                "verbose_name": "one-time code",
                "verbose_name_plural": "one-time codes",
                "db_table": 'sespan"."otp',
                "ordering": ["-otp_id"],
                "permissions": [
                    ("revoke_activation", "Can end a customer's right to become active by a code")
                ],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="TransactionLog",
            fields=[
                ("transaction_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("username", models.TextField(null=True, verbose_name="user name then")),
                ("order_ref", models.TextField(verbose_name="order")),
                ("discounted", models.BooleanField(verbose_name="discounted")),
                (
                    "transaction_amount",
                    models.DecimalField(decimal_places=4, max_digits=19, verbose_name="amount"),
                ),
                (
                    "discounted_amount",
                    models.DecimalField(decimal_places=4, max_digits=19, verbose_name="to pay"),
                ),
                ("transaction_time", models.DateTimeField(verbose_name="time")),
                ("capped_by", models.TextField(null=True, verbose_name="lost to the limit")),
                ("draw_epoch", models.DateField(verbose_name="day of the draw (UTC)")),
            ],
            options={
                "verbose_name": "transaction",
                "verbose_name_plural": "transactions",
                "db_table": 'sespan"."transaction_log',
                "ordering": ["-transaction_id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="TransactionTier",
            fields=[
                ("tier_id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "minimum_transaction",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=19,
                        null=True,
                        verbose_name="from amount",
                    ),
                ),
                (
                    "maximum_transaction",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=20,
                        null=True,
                        verbose_name="below amount",
                    ),
                ),
                (
                    "probability",
                    models.DecimalField(
                        decimal_places=18,
                        help_text="0 to 1",
                        max_digits=19,
                        verbose_name="probability",
                    ),
                ),
                (
                    "discount",
                    models.DecimalField(
                        decimal_places=6,
                        help_text="fraction of the amount, 0 to 1",
                        max_digits=7,
                        verbose_name="discount",
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="starts")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="ends")),
                (
                    "maximum_discount",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=19,
                        null=True,
                        verbose_name="largest discount",
                    ),
                ),
                (
                    "budget_amount",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=22,
                        null=True,
                        verbose_name="budget",
                    ),
                ),
                (
                    "budget_uses",
                    models.BigIntegerField(blank=True, null=True, verbose_name="winners at most"),
                ),
                (
                    "per_customer_uses",
                    models.IntegerField(blank=True, null=True, verbose_name="wins per customer"),
                ),
                (
                    "per_customer_draws",
                    models.IntegerField(
                        blank=True,
                        default=3,
                        help_text="Further draws of that day cannot win. A changed cart is a new "
                        "draw: empty, for no limit, lets whoever goes on changing the cart win at "
                        "last.",
                        null=True,
                        verbose_name="draws per customer and day",
                    ),
                ),
                ("updated_at", models.DateTimeField(editable=False, verbose_name="saved")),
            ],
            options={
                "verbose_name": "discount tier",
                "verbose_name_plural": "discount tiers",
                "db_table": 'sespan"."transaction_tier',
                "ordering": ["minimum_transaction", "tier_id"],
                "managed": False,
            },
        ),
    ]
