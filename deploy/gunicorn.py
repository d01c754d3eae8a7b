"""How gunicorn serves the portal: one process, threads, no access log of its own.

The portal's middleware logs each request by its route; a path or a query never reaches a log.
"""

import logging.config
import os

from gunicorn.glogging import Logger

bind = os.environ.get("ANONPORTAL_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("ANONPORTAL_WEB_PROCESSES", "1"))
threads = int(os.environ.get("ANONPORTAL_WEB_THREADS", "8"))
preload_app = True
timeout = 120
graceful_timeout = 5
keepalive = 5
limit_request_line = 2048
accesslog = None
control_socket_disable = True  # it would lie in the home folder, outside the data folder
# Heartbeats of its processes: memory, where there is such a folder, not a disk that may be slow.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108


class PortalLogger(Logger):
    """Hand gunicorn's own lines to the portal's handlers."""

    def setup(self, cfg: object) -> None:
        """Configure nothing but the portal's logging."""
        super().setup(cfg)
        from anonportal.settings import LOGGING

        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
        logging.config.dictConfig(LOGGING)


logger_class = PortalLogger


def post_fork(server: object, worker: object) -> None:
    """Drop what the parent opened: a connection to a database serves one process."""
    from django.db import connections

    connections.close_all()
