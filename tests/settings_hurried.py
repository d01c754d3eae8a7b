"""Settings of the tests in which workers die: short leases, small chunks, no patience."""

from tests.settings import *  # noqa: F403

LEASE_SECONDS = 3
CHUNK_INSTANCES = 6
JOB_SECONDS = 1
