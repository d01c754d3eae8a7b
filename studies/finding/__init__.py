"""The text finder as a process of its own: a client, a server, and what they say to each other.

Pictures and the text in them pass through memory only: nothing here writes or logs either. This
room knows pictures and sockets; it must not know batches, people or files.
"""

from studies.finding.client import FinderAway, FinderClient, is_answering
from studies.finding.server import FinderServer
from studies.finding.wire import Address, Priority, parse_address

__all__ = [
    "Address",
    "FinderAway",
    "FinderClient",
    "FinderServer",
    "Priority",
    "is_answering",
    "parse_address",
]
