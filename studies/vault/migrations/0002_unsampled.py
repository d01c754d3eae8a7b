"""PostgreSQL takes no samples of what can be shredded."""

from django.db import migrations

from studies.unsampled import keep_out_of_statistics


def unsampled(apps, schema_editor):
    """Exclude the vault's sealed values, indexes, keys and ids from the statistics."""
    keep_out_of_statistics(schema_editor, apps.get_app_config("vault").get_models())


class Migration(migrations.Migration):
    """No table changes."""

    dependencies = [("vault", "0001_initial")]
    operations = [migrations.RunPython(unsampled, migrations.RunPython.noop, elidable=False)]
