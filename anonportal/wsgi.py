"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anonportal.settings")
application = get_wsgi_application()

# Django is set up by now; an insecure installation answers nothing.
from anonportal.checks import refuse_insecure_start  # noqa: E402

refuse_insecure_start()
