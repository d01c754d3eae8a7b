"""What comes in by itself goes by rule into a batch, is durable, and starts when it is quiet."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone

from audit import Actor
from studies.models import (
    Batch,
    BatchState,
    Gathering,
    Instance,
    ListenerRule,
    Organization,
    UploadPart,
)
from studies.services import listening, receiving, room
from tests import datasets
from tests.studies.hospital import Hospital, make_hospital

SENDER = Actor(kind="device", id="CT1", label="CT1", address="10.0.0.7")


pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    room.counted.forget()
    return make_hospital(tmp_path)


def make_rule(hospital: Hospital, **values: Any) -> ListenerRule:
    from studies.services import rules

    return rules.save_rule(
        hospital.organization,
        Actor(kind="system", id="test", label="test"),
        values={
            "name": "CT",
            "kind": "dimse",
            "calling_ae": "CT1",
            "called_ae": "NORTH",
            "destination": hospital.destination,
            "profile_version": hospital.organization.default_profile,
            **values,
        },
    )


def blocks(data: bytes, size: int = 1000) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def make_quiet(seconds: int = 3600) -> None:
    Gathering.objects.update(last_arrival=timezone.now() - timedelta(seconds=seconds))


def test_objects_go_into_one_batch_until_it_is_quiet(hospital: Hospital) -> None:
    rule = make_rule(hospital)
    one, two = datasets.part10(datasets.ct()), datasets.part10(datasets.mr())
    taken = listening.receive(rule, [blocks(one)], actor=SENDER)
    taken += listening.receive(rule, [blocks(two)], actor=SENDER)
    assert [(entry.code, entry.size) for entry in taken] == [("", len(one)), ("", len(two))]
    assert all(entry.sop_instance_uid and entry.sop_class_uid for entry in taken)
    batch = Batch.objects.get()
    assert (batch.source_id, batch.submitter_label) == (rule.source_id, "CT1")
    assert listening.start_quiet() == []
    make_quiet()
    assert listening.start_quiet() == [batch]
    batch.refresh_from_db()
    assert batch.state == BatchState.QUEUED
    listening.receive(rule, [blocks(one)], actor=SENDER)
    assert Batch.objects.count() == 2


def test_a_batch_does_not_start_while_a_sender_is_connected(hospital: Hospital) -> None:
    rule = make_rule(hospital)
    with listening.Reception(rule, SENDER) as reception:
        reception.take([blocks(datasets.part10(datasets.ct()))])
        make_quiet()
        assert listening.start_quiet() == []
    assert len(listening.start_quiet()) == 1


def test_a_dead_sender_holds_a_batch_up_no_longer_than_its_lease(hospital: Hospital) -> None:
    rule = make_rule(hospital)
    reception = listening.Reception(rule, SENDER)
    reception.take([blocks(datasets.part10(datasets.ct()))])
    make_quiet()
    listening.Arrival.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert len(listening.start_quiet()) == 1


def test_what_is_received_is_the_file_byte_for_byte(hospital: Hospital) -> None:
    rule = make_rule(hospital)
    data = datasets.part10(datasets.ct())
    listening.receive(rule, [blocks(data, 7)], actor=SENDER)
    batch = Batch.objects.get()
    receiving.complete_files(batch)
    row = Instance.objects.get()
    from studies.services.keys import batch_sealer
    from studies.storage import BatchStore

    with BatchStore(batch.pk, batch_sealer(batch).root) as store:
        assert store.open_original(row.original).read() == data


def test_what_is_no_dicom_or_too_large_is_left_out_and_says_so(
    hospital: Hospital, settings: Any
) -> None:
    rule = make_rule(hospital)
    data = datasets.part10(datasets.ct())
    settings.OBJECT_MAX_BYTES = len(data)
    taken = listening.receive(
        rule, [blocks(b"no DICOM " * 99), blocks(data), blocks(data + b"x")], actor=SENDER
    )
    assert [entry.code for entry in taken] == ["not-dicom", "", "object-too-large"]
    assert UploadPart.objects.count() == 1


@pytest.mark.parametrize("is_small", [True, False])
def test_a_transfer_that_breaks_leaves_nothing(
    hospital: Hospital, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = make_rule(hospital)

    def broken() -> Iterator[bytes]:
        yield datasets.part10(datasets.ct())[:5000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        monkeypatch.setattr(listening, "SMALL_BYTES", 10_000 if is_small else 1000)
        listening.receive(rule, [broken()], actor=SENDER)
    assert UploadPart.objects.count() == 0
    if is_small:
        assert Batch.objects.count() == 0
        return
    folder = Path(project.SEALED_DIR) / str(Batch.objects.get().pk) / "original"
    assert list(folder.iterdir()) == []
    make_quiet()
    assert listening.start_quiet() == []
    assert Batch.objects.get().state == BatchState.CANCELLED


def test_a_full_batch_is_followed_by_another(hospital: Hospital, settings: Any) -> None:
    settings.BATCH_MAX_FILES = 2
    rule = make_rule(hospital)
    with listening.Reception(rule, SENDER) as reception:
        for _n in range(3):
            reception.take([blocks(datasets.part10(datasets.ct()))])
    assert sorted(Batch.objects.values_list("announced_files", flat=True)) == [1, 2]
    assert len(listening.start_quiet()) == 1


def test_nothing_is_taken_while_the_disk_or_the_share_is_used_up(
    hospital: Hospital, settings: Any
) -> None:
    rule = make_rule(hospital)
    data = datasets.part10(datasets.ct())
    settings.MIN_FREE_BYTES = 2**62
    with pytest.raises(room.NoRoom):
        listening.receive(rule, [blocks(data)], actor=SENDER)
    settings.MIN_FREE_BYTES = 0
    settings.ORIGINALS_MAX_BYTES = 1
    listening.receive(rule, [blocks(data)], actor=SENDER)
    room.counted.forget()
    with pytest.raises(room.NoRoom):
        listening.receive(rule, [blocks(data)], actor=SENDER)
    assert UploadPart.objects.count() == 1


def test_rules_are_found_by_both_titles_and_the_network(hospital: Hospital) -> None:
    rule = make_rule(hospital, networks=["10.0.0.0/24"])
    assert listening.dimse_rule("CT1", "NORTH", "10.0.0.7") == rule
    assert listening.dimse_rule("CT1", "NORTH", "10.0.1.7") is None
    assert listening.dimse_rule("CT2", "NORTH", "10.0.0.7") is None
    assert listening.dimse_rule("CT1", "SOUTH", "10.0.0.7") is None
    ListenerRule.objects.update(is_active=False)
    assert listening.dimse_rule("CT1", "NORTH", "10.0.0.7") is None


def test_stow_rules_belong_to_an_organization(hospital: Hospital) -> None:
    rule = make_rule(hospital, kind="stow", name="In", calling_ae="", called_ae="")
    own = hospital.organization
    assert listening.stow_rule(own, "10.0.0.7") == rule
    assert listening.stow_rule(own, "10.0.0.7", "In") == rule
    assert listening.stow_rule(own, "10.0.0.7", "Out") is None
    other = Organization.objects.exclude(pk=own.pk).first()
    assert other is None
    make_rule(hospital, kind="stow", name="Second", calling_ae="", called_ae="")
    assert listening.stow_rule(own, "10.0.0.7") is None
