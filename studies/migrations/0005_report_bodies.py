from django.db import migrations


class Migration(migrations.Migration):
    # Apart from the copying before: PostgreSQL alters no table that rows still wait to be checked.

    dependencies = [
        ("studies", "0004_reports"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="report",
            name="sealed_body",
        ),
    ]
