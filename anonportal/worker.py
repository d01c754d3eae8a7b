"""The RQ worker and job of the portal: what RQ keeps of a failure is a code and a reference.

Messages and tracebacks can quote a data set; they go neither to Redis nor to a log. The place and
class of a fault stand in the log under the reference.
"""

import importlib
import logging
import os
import signal
from typing import Any

from rq import Worker
from rq.job import Job
from rq.queue import Queue
from rq.timeouts import JobTimeoutException

from anonportal.checks import refuse_insecure_start
from anonportal.logs import Word, fault_code, job_id, new_reference
from anonportal.processes import die_with_parent

logger = logging.getLogger("anonportal.worker")

# What jobs need, and all that it imports.
ENGINE = ("studies.jobs",)


def failure_text(error: BaseException | None, reference: str) -> str:
    """Return what may be kept of a failure: `code reference`."""
    if isinstance(error, JobTimeoutException):
        code = "job-timeout"
    elif error is None:
        code = "job-died"
    else:
        code = fault_code(error) or "job-failed"
    return f"{code} {reference}"


class PortalJob(Job):  # type: ignore[misc]
    """A job that describes itself by its function alone, and whose failures quote nothing."""

    def get_call_string(self) -> str | None:
        """Return the function's name; arguments are never part of a description."""
        return str(self.func_name)

    def _handle_failure(self, exc_string: str, pipeline: Any, *args: Any, **kwargs: Any) -> None:
        # The last gate before Redis: only what failure_text wrote passes.
        if not isinstance(exc_string, FailureText):
            reference = new_reference()
            logger.error("job failed", extra={"reference": Word(reference)})
            exc_string = FailureText(failure_text(None, reference))
        super()._handle_failure(exc_string, pipeline, *args, **kwargs)


class FailureText(str):
    """A failure's code and reference, known to quote nothing."""

    __slots__ = ()


class PortalWorker(Worker):  # type: ignore[misc]
    """A worker that imports the engine once, before it forks, and keeps no message of a fault."""

    _failure: FailureText | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse_insecure_start()
        super().__init__(*args, **kwargs)

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Import what jobs need, then work."""
        # Every job's fork then starts with the engine in memory.
        for module in ENGINE:
            importlib.import_module(module)
        return bool(super().work(*args, **kwargs))

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run a job in the fork; it dies with its worker, so that no job outlives a kill."""
        die_with_parent(signal.SIGKILL, parent=self.pid or os.getppid())
        job_id.set(str(job.id))
        super().main_work_horse(job, queue)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log where and of which class a fault was, under a new reference."""
        error = exc_info[1] if len(exc_info) > 1 else None
        reference = new_reference()
        self._failure = FailureText(failure_text(error, reference))
        logger.error(
            "job failed",
            exc_info=error if isinstance(error, BaseException) else None,
            extra={
                "reference": Word(reference),
                "queue": Word(job.origin),
                "job": Word(job.id),
                "code": Word(self._failure.split()[0]),
            },
        )

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = ""
    ) -> None:
        """Keep the code and the reference instead of the traceback that RQ passes."""
        if self._failure is None:
            # The fork died: nobody could say more.
            self.handle_exception(job)
        failure, self._failure = self._failure, None
        super().handle_job_failure(job, queue, started_job_registry, failure)
