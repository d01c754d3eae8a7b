"""PostgreSQL takes no samples of keys and sealed values, which go when a batch closes."""

from django.db import migrations

from studies.unsampled import keep_out_of_statistics


def unsampled(apps, schema_editor):
    """Exclude the portal's keys and sealed values from the statistics."""
    keep_out_of_statistics(schema_editor, apps.get_app_config("studies").get_models())


class Migration(migrations.Migration):
    """No table changes."""

    dependencies = [("studies", "0010_documents")]
    operations = [migrations.RunPython(unsampled, migrations.RunPython.noop, elidable=False)]
