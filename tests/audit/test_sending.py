"""Events reach a syslog collector over TLS, once the way is free, and none is lost before."""

import datetime as dt
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import transaction

from audit import record
from audit.models import Event, Forwarding
from audit.sealer import TRAIL, seal_all
from audit.sending import collector, send_on
from tests.audit.conftest import ALICE
from tests.audit.dicom_form import faults

pytestmark = pytest.mark.django_db

RSYSLOG = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
# A package of its own: without it rsyslog speaks no TLS.
RSYSLOG_TLS = [*Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so")]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for localhost that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return folder


class Listener:
    """A collector of the test's own: reads RFC 5425 frames, can be cut off in the middle."""

    def __init__(self, folder):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.received = b""
        self.cut_next = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                plain, _ = self._server.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as secure:
                    if self.cut_next:
                        self.cut_next = False
                        secure.recv(10)
                        linger = (1).to_bytes(4, "little") + bytes(4)
                        secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        continue
                    while block := secure.recv(65536):
                        self.received += block
                    secure.unwrap()
            except OSError:
                continue

    def close(self):
        self._server.close()

    def messages(self):
        left, found = self.received, []
        while left:
            length, _, rest = left.partition(b" ")
            found.append(rest[: int(length)])
            left = rest[int(length) :]
        return found


@pytest.fixture
def listener(certificate, audit_settings):
    made = Listener(certificate)
    audit_settings(
        SYSLOG={
            "host": "localhost",
            "port": made.port,
            "ca_file": str(certificate / "cert.pem"),
            "app_name": "anonportal",
            "timeout": 5,
        }
    )
    yield made
    made.close()


def write(number, chain="org-1"):
    with transaction.atomic():
        for index in range(number):
            record(
                "study.held", actor=ALICE, chain=chain, subject=f"S{index}", detail={"n": "山田"}
            )
    seal_all()


def test_events_arrive_as_dicom_messages_in_syslog_form(listener):
    write(3)
    assert send_on(TRAIL) == 3
    messages = listener.messages()
    assert len(messages) == 3
    for message in messages:
        head, _, body = message.partition(b"\xef\xbb\xbf")
        assert re.fullmatch(
            rb"<85>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ anonportal - DICOM\+RFC3881 - ",
            head,
        )
        assert faults(ET.fromstring(body)) == []
    seal_all()
    assert send_on(TRAIL) == 1, "only the checkpoint's own event is new"
    assert send_on(TRAIL) == 0


def test_an_outage_loses_nothing_and_is_recorded_once(listener, audit_settings):
    write(2)
    right = listener.port
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    from django.conf import settings

    audit_settings(SYSLOG={**settings.AUDIT["SYSLOG"], "port": closed})
    assert send_on(TRAIL) == 0
    write(2)
    assert send_on(TRAIL) == 0
    alarms = Event.objects.filter(action="audit.forwarding")
    assert [one.detail for one in alarms] == [{"error": "ConnectionRefusedError"}]
    audit_settings(SYSLOG={**settings.AUDIT["SYSLOG"], "port": right})
    seal_all()
    assert send_on(TRAIL) == Event.objects.count()
    held = [one for one in listener.messages() if b"study.held" in one]
    assert len(held) == 4


def test_a_connection_cut_in_the_middle_is_sent_again(listener):
    write(5)
    listener.cut_next = True
    assert send_on(TRAIL) == 0
    assert Forwarding.objects.get(chain="org-1").sequence == 0
    assert send_on(TRAIL) >= 5
    assert sum(b"study.held" in one for one in listener.messages()) == 5


def test_a_collector_that_can_not_prove_its_name_gets_nothing(listener, audit_settings):
    from django.conf import settings

    write(1)
    for change in ({"ca_file": ""}, {"host": "127.0.0.1"}):
        audit_settings(SYSLOG={**settings.AUDIT["SYSLOG"], **change})
        assert send_on(TRAIL) == 0
    assert listener.received == b""


def test_without_a_collector_nothing_is_sent_and_a_slip_is_named(audit_settings):
    assert send_on(TRAIL) == 0
    with pytest.raises(CommandError, match="no SYSLOG"):
        call_command("audit_send")
    audit_settings(SYSLOG={"hots": "x"})
    with pytest.raises(ImproperlyConfigured):
        collector()


@pytest.mark.peers
@pytest.mark.skipif(
    RSYSLOG is None or not RSYSLOG_TLS, reason="rsyslogd with rsyslog-openssl isn't installed here"
)
def test_a_real_rsyslog_takes_the_events(certificate, audit_settings, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "work").mkdir()
    log = tmp_path / "received.log"
    (tmp_path / "rsyslog.conf").write_text(f"""
        global(workDirectory="{tmp_path}/work" maxMessageSize="64k"
               defaultNetstreamDriver="ossl"
               defaultNetstreamDriverCAFile="{certificate}/cert.pem"
               defaultNetstreamDriverCertFile="{certificate}/cert.pem"
               defaultNetstreamDriverKeyFile="{certificate}/key.pem")
        module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
               streamDriver.authMode="anon")
        input(type="imtcp" port="{port}" address="127.0.0.1")
        template(name="raw" type="string" string="%app-name% %msgid% %msg%\\n")
        *.* action(type="omfile" file="{log}" template="raw")
    """)
    daemon = subprocess.Popen(
        [RSYSLOG, "-n", "-iNONE", "-f", str(tmp_path / "rsyslog.conf")], cwd=tmp_path
    )
    audit_settings(
        SYSLOG={
            "host": "localhost",
            "port": port,
            "ca_file": str(certificate / "cert.pem"),
            "app_name": "anonportal",
        }
    )
    try:
        write(4)
        deadline = time.monotonic() + 30
        while send_on(TRAIL) == 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        while time.monotonic() < deadline and not (
            log.exists() and log.read_text().count("study.held") >= 8
        ):
            time.sleep(0.1)
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)
    lines = [line for line in log.read_text().splitlines() if "study.held" in line]
    assert len(lines) == 4
    assert all(line.startswith("anonportal DICOM+RFC3881 ") for line in lines)
    assert faults(ET.fromstring("<" + lines[0].partition("<")[2])) == []
