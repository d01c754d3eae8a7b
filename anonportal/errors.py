"""The page for a fault of the portal: a reference to the log, and nothing of the request."""

from django.http import HttpRequest, HttpResponse
from django.template import loader

from anonportal.logs import new_reference, request_id


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the reference under which the fault stands in the log."""
    reference = request_id.get() or new_reference()
    # Without the request: a context processor may be what failed.
    page = loader.get_template("500.html").render({"reference": reference})
    return HttpResponse(page, status=500, headers={"Cache-Control": "no-store"})
