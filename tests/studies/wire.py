"""Faults on the wire, and certificates: what stands between a delivery and its destination.

A proxy of our own passes bytes on, connection by connection, and does to each what its plan says.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BLOCK = 1 << 14


@dataclass(frozen=True)
class Pass:
    """Do nothing to a connection."""


@dataclass(frozen=True)
class Reset:
    """Cut a connection hard once so many bytes came from the portal."""

    after: int


@dataclass(frozen=True)
class ResetBack:
    """Cut a connection hard once so many bytes came back to whoever opened it."""

    after: int


@dataclass(frozen=True)
class ResetAnswer:
    """Take a whole request, let the recipient do it, and cut instead of answering."""


@dataclass(frozen=True)
class Corrupt:
    """Change one byte, this far into what the portal sends."""

    at: int


@dataclass(frozen=True)
class Answer:
    """Answer with an HTTP status, without asking the recipient."""

    status: int
    body: bytes = b""


@dataclass(frozen=True)
class Stall:
    """Pass nothing on for so many seconds."""

    seconds: float


Fault = Pass | Reset | ResetBack | ResetAnswer | Corrupt | Answer | Stall


@dataclass
class Wire:
    """A running proxy: what it is to do to the next connections, and what it has seen."""

    port: int
    plan: list[Fault] = field(default_factory=list)
    connections: int = 0
    done: list[Fault] = field(default_factory=list)
    sent: int = 0
    hold: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def wire_to(port: int, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """Run a proxy before a server on this machine; with `tls`, it speaks TLS to the portal."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(listener.getsockname()[1])
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            open_sockets.append(near)
            wire.connections += 1
            fault = wire.plan.pop(0) if wire.plan else Pass()
            wire.done.append(fault)
            thread = threading.Thread(target=_serve, args=(wire, near, port, fault, tls))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield wire
    finally:
        wire.hold.set()
        # Closing alone doesn't wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(timeout=10)
        for near in open_sockets:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=10)


def _serve(
    wire: Wire, near: socket.socket, port: int, fault: Fault, tls: ssl.SSLContext | None
) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.enter_context(near)
        if tls is not None:
            near = stack.enter_context(tls.wrap_socket(near, server_side=True))
        if isinstance(fault, Answer):
            _answer(near, fault)
            return
        if isinstance(fault, Stall):
            wire.hold.wait(fault.seconds)
        far = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        back = threading.Thread(target=_back, args=(far, near, fault))
        back.start()
        stack.callback(back.join, 10)
        _forth(wire, near, far, fault)


def _forth(wire: Wire, near: socket.socket, far: socket.socket, fault: Fault) -> None:
    seen = 0
    while block := near.recv(BLOCK):
        begin, seen = seen, seen + len(block)
        wire.sent += len(block)
        if isinstance(fault, Reset) and seen >= fault.after:
            far.sendall(block[: max(fault.after - begin, 0)])
            _cut(near)
            far.shutdown(socket.SHUT_RDWR)
            return
        if isinstance(fault, Corrupt) and begin <= fault.at < seen:
            changed = bytearray(block)
            changed[fault.at - begin] ^= 0xFF
            block = bytes(changed)
        far.sendall(block)
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_WR)


def _back(far: socket.socket, near: socket.socket, fault: Fault) -> None:
    seen = 0
    with contextlib.suppress(OSError):
        while block := far.recv(BLOCK):
            seen += len(block)
            is_over = isinstance(fault, ResetBack) and seen >= fault.after
            if isinstance(fault, ResetAnswer) or is_over:
                _cut(near)
                far.shutdown(socket.SHUT_RDWR)
                return
            near.sendall(block)
        near.shutdown(socket.SHUT_WR)


def _cut(near: socket.socket) -> None:
    """Close with a reset, as a crashed machine or a firewall does."""
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        # Wakes the thread that waits in recv; then the close sends the reset.
        near.shutdown(socket.SHUT_RD)
    near.close()


def _answer(near: socket.socket, fault: Answer) -> None:
    """Read one request to its end, as a server does that has no time for it, and answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = near.recv(BLOCK)
        if not block:
            return
        data += block
    head, _end, body = data.partition(b"\r\n\r\n")
    if b"100-continue" not in head.lower():
        length = _content_length(head)
        while len(body) < length and (block := near.recv(BLOCK)):
            body += block
    near.sendall(
        b"HTTP/1.1 %d Fault\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % (fault.status, len(fault.body))
        + fault.body
    )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


@contextmanager
def http_server(
    reply: Callable[[bytes, bytes], tuple[int, bytes]], headers: bytes = b""
) -> Iterator[int]:
    """Run an HTTP server that answers each request by (head, body) → (status, content)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), near:
                near.settimeout(30)
                data = b""
                while b"\r\n\r\n" not in data and (block := near.recv(BLOCK)):
                    data += block
                head, _end, body = data.partition(b"\r\n\r\n")
                while len(body) < _content_length(head) and (block := near.recv(BLOCK)):
                    body += block
                status, content = reply(head, body)
                near.sendall(
                    b"HTTP/1.1 %d X\r\n%bConnection: close\r\nContent-Length: %d\r\n\r\n"
                    % (status, headers, len(content))
                    + content
                )

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


@dataclass
class Authority:
    """A certificate authority of the tests, and a certificate that it signed."""

    pem: str
    context: ssl.SSLContext
    certificate_file: Path
    key_file: Path


def make_authority(folder: Path, *names: str, days: int = 1) -> Authority:
    """Make an authority with a server certificate for these names or addresses."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of tests")])
    from_, until = now - datetime.timedelta(days=3), now + datetime.timedelta(days=days)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> object:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(from_)
        )

    root = (
        certificate(root_name, root_key.public_key())
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        certificate(x509.Name([]), key.public_key())
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), True)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    certificate_file, key_file = folder / f"{names[0]}.crt", folder / f"{names[0]}.key"
    certificate_file.write_bytes(leaf.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return Authority(root.public_bytes(pem).decode(), context, certificate_file, key_file)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def wait_for_port(port: int, seconds: float = 20) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")
