"""A whole batch over a wire that fails at random: nothing lost, nothing twice, the sum right."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from studies import jobs
from studies.delivery import addresses
from studies.delivery.manifest import MANIFEST_NAME, read_manifest
from studies.models import (
    Batch,
    BatchState,
    Chunk,
    Delivery,
    Destination,
    Instance,
    Manifest,
    ObjectReceipt,
    Role,
)
from studies.services import batches, organizations, places, releasing
from tests import datasets
from tests.counts import count
from tests.studies.hospital import REGION, Hospital, counts, make_hospital, work_off
from tests.studies.orthanc import Orthanc, needs_orthanc, run_orthanc
from tests.studies.stores import KEYS, S3Server, run_s3
from tests.studies.wire import Answer, Corrupt, Fault, Pass, Reset, ResetAnswer, Wire, wire_to

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
    # pynetdicom leaves a socket that could not connect to the garbage collector.
    pytest.mark.filterwarnings(
        r"ignore:Exception ignored in. <(socket|ssl)\.:pytest.PytestUnraisableExceptionWarning"
    ),
]
IMAGES = 6


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with run_s3() as running:
        yield running


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    with run_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def hospital(tmp_path: Path, settings, monkeypatch) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    settings.CHUNK_INSTANCES = 3
    monkeypatch.setattr(addresses, "ANSWER_SECONDS", 5)
    return make_hospital(tmp_path)


def destination(hospital: Hospital, kind: str, secrets: dict, **config: object) -> Destination:
    values = {
        "name": f"{kind} {Destination.objects.count()}",
        "kind": kind,
        "config": config,
        "region": REGION,
        "operator": "Readers",
        "agreement": "A-2",
    }
    return places.save_destination(
        hospital.organization, organizations.COMMAND, values=values, secrets=secrets
    )


def submit(hospital: Hospital, name: str, row: Destination) -> Batch:
    markers = datasets.Markers()
    objects = [datasets.ct(markers, number=number, size=64) for number in range(1, IMAGES + 1)]
    datasets.write_series(hospital.inbox / name, objects)
    batch = hospital.submit([name], destination=row, release="when-clean")
    work_off()
    return batch


def persist(hospital: Hospital, batch: Batch, rounds: int = 40) -> int:
    """Let time pass and a person try again, until the batch is delivered; return how often."""
    actor = hospital.viewer(Role.COORDINATOR).actor
    for tries in range(rounds):
        batch.refresh_from_db()
        assert sum(counts(batch).values()) == batches.ledger(batch).total == IMAGES
        if batch.state == BatchState.DELIVERED:
            return tries
        if batch.state == BatchState.ATTENTION:
            releasing.take_up(batch, actor)
            jobs.continue_batch(batch)
        Chunk.objects.filter(batch=batch).update(not_before=None)
        work_off()
    raise AssertionError(f"still {batch.state}: {batch.attention_code}")


def some_fault(chance: random.Random) -> Fault:
    size = chance.randrange(200, 12_000)
    return chance.choice(
        [Pass(), Pass(), Reset(size), Answer(503), Answer(500), Corrupt(size), ResetAnswer()]
    )


def download(server: S3Server, bucket: str, batch: Batch, folder: Path) -> Path:
    """Copy a batch's objects out of the bucket, as its recipient does."""
    client = server.client()
    for key in server.keys(bucket):
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, key, str(path))
    client.close()
    return folder / str(batch.pk)


@pytest.mark.chain
def test_a_bucket_has_everything_once_and_its_copy_verifies_offline(
    hospital, server, tmp_path, proof
) -> None:
    runs = count(2, 40)
    faults = 0
    for run in range(runs):
        chance = random.Random(run)
        bucket = f"faults-{run}"
        with wire_to(server.port) as wire:
            wire.plan = [some_fault(chance) for _ in range(25)]
            row = destination(
                hospital,
                "s3",
                KEYS,
                bucket=bucket,
                endpoint=wire.url,
                auth="keys",
                path_style=True,
                create=True,
                parallel=2,
            )
            batch = submit(hospital, f"run-{run}", row)
            persist(hospital, batch)
            faults += sum(not isinstance(fault, Pass) for fault in wire.done)
        keys = {row.object_key for row in Instance.objects.filter(batch=batch)}
        assert counts(batch) == {"delivered": IMAGES}
        names = {f"{batch.pk}/manifest.json", f"{batch.pk}/manifest.json.sig"}
        assert set(server.keys(bucket)) == keys | names
        copy = download(server, bucket, batch, tmp_path / f"copy-{run}")
        for instance in Instance.objects.filter(batch=batch):
            data = (copy.parent / instance.object_key).read_bytes()
            assert hashlib.sha256(data).hexdigest() == instance.output_sha256
        call_command("verify_manifest", copy, files=copy)
        next(copy.rglob("*.dcm")).write_bytes(b"changed by the recipient")
        with pytest.raises(CommandError):
            call_command("verify_manifest", copy, files=copy)
        delivery = Delivery.objects.get(batch=batch)
        assert delivery.outcome == "delivered"
        assert delivery.objects_sent == IMAGES
        assert delivery.uri == f"s3://{bucket}/{batch.pk}/"
    proof("delivers to S3 over a failing wire", runs, f"{faults} faults, 0 lost, 0 twice")


def test_a_retry_sends_only_what_is_missing(hospital, server) -> None:
    client = server.client()
    client.create_bucket(Bucket="versions")
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    with wire_to(server.port) as wire:
        row = destination(
            hospital,
            "s3",
            KEYS,
            bucket="versions",
            endpoint=wire.url,
            auth="keys",
            path_style=True,
            parallel=1,
        )
        # Listing and the first object pass; then the line is dead for a while.
        wire.plan = [Pass(), Pass(), Pass()] + [Reset(500)] * 12
        batch = submit(hospital, "one", row)
        assert 0 < len(server.keys("versions")) < IMAGES
        row.refresh_from_db()
        persist(hospital, batch)
    found = client.list_object_versions(Bucket="versions")["Versions"]
    client.close()
    # Unlike Amazon's, this server keeps the empty beginning of a request that was cut.
    whole = [version["Key"] for version in found if version["Size"]]
    names = [name for name in whole if name.endswith(".dcm")]
    assert len(names) == len(set(names)) == IMAGES
    moments = {version["Key"]: version["LastModified"] for version in found}
    assert moments[f"{batch.pk}/{MANIFEST_NAME}"] == max(moments.values())


def test_what_only_a_person_can_solve_stops_the_batch_with_a_sentence(hospital, server) -> None:
    row = destination(
        hospital, "s3", KEYS, bucket="missing", endpoint=server.url, auth="keys", path_style=True
    )
    batch = submit(hospital, "one", row)
    batch.refresh_from_db()
    row.refresh_from_db()
    assert batch.state == BatchState.ATTENTION
    assert batch.attention_code == "bucket-missing"
    assert row.state == "failing"
    assert row.last_error_at is not None
    assert "bucket" in row.last_error
    assert counts(batch) == {"deidentified": IMAGES}
    client = server.client()
    client.create_bucket(Bucket="missing")
    client.close()
    assert persist(hospital, batch) == 1
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("ready", "")


@needs_orthanc
@pytest.mark.peers
@pytest.mark.parametrize("kind", ["stow", "dimse"])
def test_an_archive_has_every_image_once_and_the_portal_keeps_the_manifest(
    hospital, orthanc, kind, proof
) -> None:
    runs = count(1, 20)
    faults = 0
    for run in range(runs):
        orthanc.empty()
        with wire_to(orthanc.http_port if kind == "stow" else orthanc.dicom_port) as wire:
            row = _archive(hospital, kind, wire)
            chance = random.Random(run)
            wire.plan = [
                chance.choice([Pass(), Reset(chance.randrange(500, 30_000)), ResetAnswer()])
                for _ in range(6)
            ]
            batch = submit(hospital, f"run-{run}", row)
            persist(hospital, batch)
            faults += sum(not isinstance(fault, Pass) for fault in wire.done)
        assert counts(batch) == {"delivered": IMAGES}
        assert orthanc.count() == IMAGES
        manifest = read_manifest(bytes(Manifest.objects.get(batch=batch).body))
        assert manifest["TotalImages"] == IMAGES
        assert not ObjectReceipt.objects.filter(batch=batch).exists()
    proof(f"delivers by {kind} over a failing wire", runs, f"{faults} faults, 0 lost, 0 twice")


def _archive(hospital: Hospital, kind: str, wire: Wire) -> Destination:
    if kind == "stow":
        return destination(hospital, kind, {}, url=f"{wire.url}/dicom-web", auth="none")
    return destination(
        hospital, kind, {}, host="127.0.0.1", port=wire.port, called_ae="ORTHANC", auth=""
    )


@needs_orthanc
@pytest.mark.peers
def test_an_archive_is_sent_only_what_it_did_not_confirm(hospital, orthanc) -> None:
    orthanc.empty()
    with wire_to(orthanc.http_port) as wire:
        row = _archive(hospital, "stow", wire)
        # The first request is answered, the second one cut.
        wire.plan = [Pass(), Reset(2_000)]
        batch = submit(hospital, "one", row)
        missing = Instance.objects.filter(batch=batch).exclude(
            sop_instance_uid__in=[
                receipt.object_key.rpartition("/")[2].removesuffix(".dcm")
                for receipt in ObjectReceipt.objects.filter(batch=batch, confirmed__isnull=False)
            ]
        )
        expected = sum(missing.values_list("output_size", flat=True))
        assert 0 < missing.count() < IMAGES
        before = wire.sent
        persist(hospital, batch)
        # The missing ones, each once, and the heads of their requests.
        assert expected < wire.sent - before < expected + 5_000
    assert orthanc.count() == IMAGES
