"""Whose a report is: every id checked, one patient, one study; else a person decides, and why."""

import itertools
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from audit.models import Event
from studies.deid.cloudid import cloud_id_check
from studies.faults import PermanentError
from studies.models import LookUp, Report, ReportBody, ReportState, Role, Study
from studies.reports import Strip
from studies.services import restoring, returning
from studies.services.reidentification import Request
from tests import datasets
from tests.counts import count
from tests.reports import reading_room
from tests.studies.hospital import Hospital, make_hospital, work_off

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
_numbers = itertools.count()


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    settings.LOOK_UPS_PER_HOUR = 100_000
    return make_hospital(tmp_path)


def deliver(hospital: Hospital, *people: datasets.Markers) -> list[pydicom.Dataset]:
    """Deliver one image of each study; return them as the reader has them, in the same order."""
    for markers in people:
        folder = hospital.inbox / str(next(_numbers))
        datasets.write_series(folder, [datasets.ct(markers, number=1)])
    batch = hospital.submit(release="when-clean")
    work_off()
    found = {}
    for study in Study.objects.filter(batch=batch):
        path = next(hospital.outbox.rglob(f"{study.cloud_study_id}/*/*.dcm"))
        identified = restoring.reidentification.reidentify(
            hospital.viewer(Role.RADIOLOGIST),
            Request(study.cloud_study_id, "report"),
            is_fresh=True,
        )
        found[identified.study["StudyInstanceUID"][0]] = pydicom.dcmread(path)
    return [found[markers.study_uid] for markers in people]


def bring(hospital: Hospital, body: bytes | str) -> Report:
    data = body.encode() if isinstance(body, str) else body
    return returning.receive(
        hospital.organization, data, hospital.viewer(Role.RADIOLOGIST).actor, channel="api"
    )


def test_what_is_not_clear_waits_with_its_reason_and_a_person_settles_it(hospital) -> None:
    mine, stranger = datasets.Markers(), datasets.Markers()
    first, second, theirs = deliver(hospital, mine, mine.again(mine.at), stranger)
    unknown = "ZZZZZZ000000" + cloud_id_check("ZZZZZZ000000")
    wrong = first.AccessionNumber[:-1] + ("0" if first.AccessionNumber[-1] != "0" else "1")
    cases = {
        "no-cloud-id": "Nothing but words.",
        "unknown-cloud-id": f"Study {unknown}.",
        "mistyped-cloud-id": f"CloudStudy^{wrong}",
        "no-study-id": f"Patient {first.PatientID}.",
        "several-studies-in-report": f"{first.AccessionNumber} and {second.AccessionNumber}",
        "two-patients-in-report": f"{first.AccessionNumber}, {theirs.PatientID}",
        "hl7-malformed": "MSH|^^^^|",
        "pdf-malformed": "%PDF-1.4 broken",
    }
    radiologist = hospital.viewer(Role.RADIOLOGIST)
    for code, text in cases.items():
        report = bring(hospital, text)
        assert (report.state, report.code) == (ReportState.ATTENTION, code)
        assert returning.body_of(report) == text.encode()
        assert Event.objects.filter(action="report.needs_attention").latest("pk").detail["code"]
        if code not in returning.SETTLED_BY_STUDY:
            with pytest.raises(PermanentError):
                returning.settle(radiologist, report, first.AccessionNumber, "I asked the reader")
            returning.set_aside(radiologist, report, "nothing to be done")
            assert Report.objects.get(pk=report.pk).state == ReportState.SET_ASIDE
            continue
        with pytest.raises(PermanentError):
            returning.settle(radiologist, report, first.AccessionNumber, " ")
        with pytest.raises(PermanentError):
            returning.settle(
                hospital.viewer(Role.COORDINATOR), report, first.AccessionNumber, "I may not"
            )
        if code == "no-study-id":
            with pytest.raises(PermanentError) as other:
                returning.settle(radiologist, report, theirs.AccessionNumber, "a wrong one")
            assert other.value.code == "two-patients-in-report"
        settled = returning.settle(radiologist, report, first.AccessionNumber, "I asked the reader")
        assert (settled.state, settled.cloud_study_id) == ("arrived", first.AccessionNumber)


def test_a_report_of_another_organization_is_unknown_here(hospital, tmp_path) -> None:
    (first,) = deliver(hospital, datasets.Markers())
    south = make_hospital(tmp_path, slug="south", prefix="SOUTH")
    for name in ("text", "hl7", "fhir-r4", "basic-text-sr"):
        report = bring(south, reading_room.FORMATS[name](first))
        assert report.code == "unknown-cloud-id", name
        assert returning.report_for(south.viewer(Role.RADIOLOGIST), report.pk) == report
        assert returning.report_for(hospital.viewer(Role.RADIOLOGIST), report.pk) is None


def test_versions_are_linked_by_number_by_predecessor_and_by_study(hospital) -> None:
    (sent,) = deliver(hospital, datasets.Markers())
    said = reading_room.hl7(sent)
    first = bring(hospital, said.replace(b"|CT|F\r", b"|CT|P\r"))
    second = bring(hospital, said.replace(b"|READER|", b"|READER2|"))
    third = bring(hospital, said.replace(b"|READER|", b"|READER3|").replace(b"|CT|F\r", b"|CT|C\r"))
    assert [first.version, second.version, third.version] == ["preliminary", "final", "corrected"]
    assert (second.previous, third.previous) == (first, second)
    assert returning.versions_of(second) == [first, second, third]
    assert [row.is_latest for row in (first, second, third)] == [False, False, True]

    document = reading_room.structured(sent)
    report = bring(hospital, reading_room.encoded(document))
    assert (report.previous, report.version) == (None, "final")
    correction = reading_room.structured(sent)
    before = reading_room.evidence(document)
    correction.PredecessorDocumentsSequence = [before]
    corrected = bring(hospital, reading_room.encoded(correction))
    assert (corrected.previous, corrected.version) == (report, "corrected")

    draft = bring(hospital, f"{sent.AccessionNumber}: draft")
    assert bring(hospital, f"{sent.AccessionNumber}: final words").previous == draft
    # The same bytes again are the same report.
    assert bring(hospital, said.replace(b"|READER|", b"|READER2|")) == second


def test_an_object_that_refers_to_another_patient_never_comes_back(hospital) -> None:
    mine, stranger = datasets.Markers(), datasets.Markers()
    first, theirs = deliver(hospital, mine, stranger)
    mixed = reading_room.structured(first, reading_room.BASIC_TEXT, theirs)
    report = bring(hospital, reading_room.encoded(mixed))
    assert (report.state, report.code) == (ReportState.ATTENTION, "two-patients-in-report")
    # Even where somebody forced the match, the document is stopped, and the trail says so.
    Report.objects.filter(pk=report.pk).update(
        state=ReportState.ARRIVED,
        cloud_study_id=first.AccessionNumber,
        cloud_patient_id=first.PatientID.removeprefix("NORTH-"),
    )
    report.refresh_from_db()
    asked = Request(first.AccessionNumber, "report")
    with pytest.raises(PermanentError) as stopped:
        restoring.show(hospital.viewer(Role.RADIOLOGIST), report, asked, is_fresh=True)
    assert stopped.value.code == "uid-of-another-patient"
    failed = Event.objects.filter(action="report.reidentified", outcome="failed").get()
    assert failed.detail["code"] == "uid-of-another-patient"


def test_no_mixture_of_ids_ever_shows_a_patient_to_whom_it_does_not_belong(hospital, proof) -> None:
    people = [datasets.Markers() for _ in range(3)]
    people.append(people[0].again(people[0].at))
    sent = deliver(hospital, *people)
    actor = hospital.viewer(Role.RADIOLOGIST).actor
    strip = Strip("Bob", "now", "1")
    tried = [0]

    @given(
        chosen=st.integers(0, 3),
        mixed=st.one_of(st.none(), st.integers(0, 3)),
        name=st.sampled_from(sorted(reading_room.FORMATS)),
        form=st.sampled_from(["AccessionNumber", "PatientID", "StudyInstanceUID"]),
    )
    @settings(
        max_examples=count(25, 500),
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def check(chosen: int, mixed: int | None, name: str, form: str) -> None:
        tried[0] += 1
        body = reading_room.FORMATS[name](sent[chosen])
        # Each message has a number of its own.
        body = body.replace(b"|ORU^R01|M", b"|ORU^R01|M%d" % tried[0])
        if mixed is not None and name in ("text", "hl7"):
            other = str(sent[mixed].get(form)).encode()
            body = body.replace(b"No acute", b"Compare " + other + b". No acute")
        report = bring(hospital, body)
        owner = people[chosen]
        others = [one for one in people if one.patient_id != owner.patient_id]
        foreign = mixed is not None and people[mixed].patient_id != owner.patient_id
        if foreign and name in ("text", "hl7"):
            assert report.state == ReportState.ATTENTION
            assert report.code == "two-patients-in-report"
            return
        if report.state == ReportState.ATTENTION:
            assert report.code == "several-studies-in-report"
            return
        document = restoring.restore_document(report, actor, strip)
        said = document.body.decode("latin-1") + "".join(
            section.text for section in document.display
        )
        if name in ("text", "hl7"):
            assert owner.patient_id in said
            assert owner.accession in said
        for other_person in others:
            assert not any(token in said for token in other_person.tokens())

    check()
    proof("reports with ids mixed at random, matched and put back", tried[0], "0 strangers shown")
    assert ReportBody.objects.count() == Report.objects.count()
    assert LookUp.objects.exists()
