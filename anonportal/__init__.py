"""The Django project: settings, processes, people, the page kit."""
