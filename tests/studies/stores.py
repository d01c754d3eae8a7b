"""Real object stores for tests: moto's S3 server and Azurite, each a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.studies.orthanc import free_port
from tests.studies.wire import wait_for_port

AZURITE = os.environ.get("ANONPORTAL_TEST_AZURITE") or shutil.which("azurite-blob") or ""
needs_azurite = pytest.mark.skipif(
    not AZURITE,
    reason="Azurite isn't installed: npm install -g azurite, or set ANONPORTAL_TEST_AZURITE",
)
ACCOUNT = "devstoreaccount1"
# The one well-known key of the emulator.
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
KEYS = {"access_key": "AKIATESTS", "secret_key": "a secret of the tests"}


@dataclass
class S3Server:
    """A running S3 server."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """Return a client that asks the server itself, past any proxy."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(s3={"addressing_style": "path"}),
        )

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of everything in a bucket."""
        client = self.client()
        try:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        finally:
            client.close()


@contextmanager
def run_s3() -> Iterator[S3Server]:
    """Run moto's server."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield S3Server(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def run_azurite() -> Iterator[int]:
    """Run Azurite's blob service in memory and return its port."""
    port = free_port()
    command = [AZURITE, "--inMemoryPersistence", "--blobPort", str(port), "--silent"]
    process = subprocess.Popen(
        [*command, "--skipApiVersionCheck", "--disableTelemetry"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, 40)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def connection_string(port: int, key: str = ACCOUNT_KEY) -> str:
    """Return what signs in to Azurite."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )
