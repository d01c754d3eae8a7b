"""The review desk: what comes to it, what a person sees there, and what their word does."""

import io
from pathlib import Path
from uuid import UUID

import numpy as np
import pydicom
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from audit.models import Event
from studies import jobs
from studies.deid.pixels import FoundText
from studies.faults import PermanentError
from studies.models import (
    Batch,
    BatchState,
    DeviceTemplate,
    Documents,
    Instance,
    InstanceState,
    PixelCheck,
    Role,
    Unsure,
)
from studies.services import desk, headers, pixels, releasing, review, sampling
from tests import datasets
from tests.studies.finders import Told, text_finder
from tests.studies.hospital import (
    Hospital,
    counts,
    delivered_files,
    make_hospital,
    work_off,
)

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
ROWS, COLUMNS = 120, 240
# Something that looks like text and can't be read: for a person, where the policy says so.
UNREAD = FoundText(10, 8, 60, 12, "", 0.3)
DRAWN = [12, 10, 50, 20, None, None, "person", False]


@pytest.fixture
def hospital(tmp_path: Path, settings) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path, unsure_pixels=Unsure.REVIEW)


@pytest.fixture
def markers(hospital) -> datasets.Markers:
    found = datasets.Markers()
    datasets.write_series(
        hospital.inbox / "one", [datasets.capture(found, rows=ROWS, columns=COLUMNS)]
    )
    return found


@pytest.fixture
def batch(hospital, markers, settings) -> Batch:
    with text_finder(settings, Told(UNREAD)):
        batch = hospital.submit()
        work_off()
    batch.refresh_from_db()
    return batch


def only(batch: Batch) -> PixelCheck:
    return PixelCheck.objects.select_related(
        "batch__organization", "batch__profile_version", "instance__study"
    ).get(batch=batch)


def signed_in(hospital: Hospital, role: str = Role.COORDINATOR) -> Client:
    client = Client()
    client.force_login(hospital.people[role])
    return client


def carry_on(batch: Batch) -> None:
    jobs.continue_batch(batch)
    work_off()
    batch.refresh_from_db()


def posted(rows: list[list[object]], act: str, **more: str) -> dict[str, object]:
    """Return a form as the page posts it; frames count from 1 there."""
    names = ("x", "y", "width", "height", "first", "last", "because")
    data: dict[str, object] = {
        name: ["" if row[n] is None else row[n] for row in rows] for n, name in enumerate(names)
    }
    data["fate"] = ["keep" if row[7] else "blank" for row in rows]
    return data | {"act": act, **more}


# --- what comes to the desk ----------------------------------------------------------------------


def test_what_is_not_certain_waits_with_its_boxes_and_no_text(batch, hospital) -> None:
    check = only(batch)
    assert counts(batch) == {"held": 1}
    assert check.instance.code == "pixel-text-review"
    assert (check.state, check.rows, check.columns) == ("review", ROWS, COLUMNS)
    assert check.boxes
    assert check.because
    assert all(len(row) == 8 and isinstance(row[6], str) for row in check.boxes)
    page = signed_in(hospital).get(reverse("review")).content.decode()
    assert f"/review/{check.pk}/" in page
    held = signed_in(hospital).get(reverse("batch", args=[batch.pk])).content.decode()
    assert f"/review/{check.pk}/" in held, "the batch's page leads to the desk"


def test_without_a_finder_it_is_held_unchecked_and_goes_on_when_one_runs(
    hospital, markers, settings
) -> None:
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    assert only(batch).instance.code == "pixel-text-unchecked"
    actor = hospital.viewer(Role.COORDINATOR).actor
    with text_finder(settings, Told()):
        review.retry(batch, [1], actor)
        carry_on(batch)
    assert counts(batch) == {"deidentified": 1}
    assert only(batch).state == "clean"


# --- looking -------------------------------------------------------------------------------------


def test_a_look_is_in_the_trail_once_and_pictures_are_in_no_cache(batch, hospital) -> None:
    check = only(batch)
    client = signed_in(hospital)
    for url in (
        reverse("review_before", args=[check.pk, 0]),
        reverse("review_image", args=[check.pk]),
        reverse("review_header", args=[check.pk]),
        reverse("review_before", args=[check.pk, 0]) + "?low=100&high=400",
    ):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
    looks = Event.objects.filter(action="identifiers.viewed")
    assert looks.count() == 1
    assert looks.get().actor_id == str(hospital.people[Role.COORDINATOR].pk)


def test_the_picture_before_is_the_original_and_takes_a_window(batch, hospital, markers) -> None:
    check = only(batch)
    client = signed_in(hospital)
    url = reverse("review_before", args=[check.pk, 0])
    seen = np.asarray(Image.open(io.BytesIO(client.get(url).content)))
    original = pydicom.dcmread(next((hospital.inbox / "one").iterdir())).pixel_array
    assert np.array_equal(seen, original)
    dark = np.asarray(Image.open(io.BytesIO(client.get(url + "?low=990&high=1000").content)))
    assert int(dark.sum()) < int(seen.sum())
    for wrong in (url.replace("/0.png", "/7.png"), reverse("review_after", args=[check.pk, 0])):
        assert client.get(wrong).status_code == 404


def test_the_header_stands_before_and_after_with_action_and_reason(
    batch, hospital, markers
) -> None:
    found = headers.difference(only(batch))
    lines = {line.path: line for line in found.lines}
    name = lines["(0010,0010)"]
    assert name.before == markers.patient_name
    assert str(name.after).startswith("CloudStudy^")
    assert name.action == "replaced"
    date = lines["(0008,0020)"]
    assert (date.before, date.action) == (f"{markers.at:%Y%m%d}", "date-shifted")
    assert lines["(0010,1040)"].action == "removed"
    inside = [line for line in found.lines if line.path.startswith("(0040,0275)[1].")]
    assert inside
    assert all(line.because for line in inside if line.is_changed)
    assert lines["(0008,0060)"].action == "kept"
    page = signed_in(hospital).get(reverse("review_header", args=[only(batch).pk]))
    assert markers.family in page.content.decode()
    assert 'class="word s-done"' not in page.content.decode(), "kept ones are asked for"
    every = signed_in(hospital).get(reverse("review_header", args=[only(batch).pk]) + "?show=all")
    assert 'class="word s-done"' in every.content.decode()


def test_after_closing_nothing_is_shown_any_more(batch, hospital) -> None:
    Batch.objects.filter(pk=batch.pk).update(wrapped_key=b"")
    client = signed_in(hospital)
    check = only(batch)
    assert client.get(reverse("review_before", args=[check.pk, 0])).status_code == 404
    page = client.get(reverse("review_image", args=[check.pk]))
    assert page["Location"] == reverse("batch", args=[batch.pk])
    assert not Event.objects.filter(action="identifiers.viewed").exists()


# --- deciding ------------------------------------------------------------------------------------


def test_drawn_boxes_make_it_again_and_only_approval_lets_it_go(batch, hospital) -> None:
    check = only(batch)
    client = signed_in(hospital)
    url = reverse("review_decide", args=[check.pk])
    client.post(url, posted([DRAWN], "redo"))
    work_off()
    check = only(batch)
    assert check.instance.code == pixels.AWAITS_APPROVAL
    assert (check.person_boxes, check.approved) == ([DRAWN], False)
    after = client.get(reverse("review_after", args=[check.pk, 0]))
    seen = np.asarray(Image.open(io.BytesIO(after.content)))
    assert not seen[10:30, 12:62].any(), "the real result is what is shown"
    batch.refresh_from_db()
    with pytest.raises(PermanentError):
        releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)

    answer = client.post(url, posted([DRAWN], "approve"))
    assert answer["Location"] == reverse("batch", args=[batch.pk]), "nothing else waits"
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"deidentified": 1}
    releasing.release(batch, hospital.viewer(Role.COORDINATOR).actor)
    carry_on(batch)
    sent = pydicom.dcmread(delivered_files(hospital, batch)[0])
    original = pydicom.dcmread(next((hospital.inbox / "one").iterdir())).pixel_array
    changed = (sent.pixel_array != original).any(axis=-1)
    assert not sent.pixel_array[10:30, 12:62].any()
    changed[10:30, 12:62] = False
    assert not changed.any(), "outside the box every value is as it was"
    acts = list(
        Event.objects.filter(action__startswith="image.")
        .order_by("pk")
        .values_list("action", flat=True)
    )
    assert acts == ["image.drawn", "image.approved"]


def test_only_an_image_that_is_made_is_said_to_be_as_it_was_elsewhere(batch, hospital) -> None:
    check = only(batch)
    client, page = signed_in(hospital), reverse("review_image", args=[check.pk])
    waits = client.get(page).content.decode()
    assert "not made yet" in waits
    assert "outside the boxes" not in waits
    client.post(reverse("review_decide", args=[check.pk]), posted([DRAWN], "redo"))
    work_off()
    assert "outside the boxes: identical" in client.get(page).content.decode()


def test_an_undecided_box_and_nonsense_are_refused(batch, hospital) -> None:
    check = only(batch)
    client = signed_in(hospital)
    url = reverse("review_decide", args=[check.pk])
    undecided = posted([DRAWN], "approve") | {"fate": [""]}
    outside = posted([[5000, 5000, 10, 10, None, None, "person", False]], "approve")
    frames = posted([[1, 1, 10, 10, 4, 9, "person", False]], "approve")
    letters = posted([["x", 1, 10, 10, None, None, "person", False]], "approve")
    reason = posted([[1, 1, 10, 10, None, None, "Maria", False]], "approve")
    short = posted([DRAWN], "approve") | {"fate": []}
    for wrong in (undecided, outside, frames, letters, reason, short):
        client.post(url, wrong)
        check = only(batch)
        assert check.instance.state == InstanceState.HELD
        assert check.person_boxes is None


def test_while_one_image_is_made_again_the_next_can_be_decided(hospital, settings) -> None:
    found = datasets.Markers()
    images = [
        datasets.capture(found, rows=ROWS, columns=COLUMNS, SOPInstanceUID=f"1.2.3.{n}")
        for n in range(2)
    ]
    datasets.write_series(hospital.inbox / "one", images)
    with text_finder(settings, Told(UNREAD)):
        batch = hospital.submit()
        work_off()
    batch.refresh_from_db()
    first, second = desk.queue_of(batch)
    client = signed_in(hospital)
    answer = client.post(reverse("review_decide", args=[first]), posted([DRAWN], "approve"))
    assert answer["Location"] == reverse("review_image", args=[second])
    batch.refresh_from_db()
    assert batch.state == BatchState.PROCESSING
    client.post(reverse("review_exclude", args=[second]), {"reason": "not needed"})
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"deidentified": 1, "excluded": 1}
    assert batch.state == BatchState.REVIEW


def test_a_box_drawn_on_an_image_that_nothing_suspected_is_blanked(hospital, settings) -> None:
    datasets.write_series(hospital.inbox / "one", [datasets.ct(datasets.Markers(), size=64)])
    batch = hospital.submit()
    work_off()
    batch.refresh_from_db()
    actor = hospital.viewer(Role.COORDINATOR).actor
    sample = sampling.draw(batch, actor)
    item = sampling.next_item(sample)
    assert item is not None
    client = signed_in(hospital)
    assert client.get(reverse("sample", args=[sample.pk])).status_code == 200
    answer = client.post(
        reverse("sample_judge", args=[sample.pk]), {"item": item.pk, "verdict": "finding"}
    )
    assert answer["Location"] == reverse("review_image", args=[item.check_row_id])
    box = [4, 4, 20, 10, None, None, "person", False]
    client.post(reverse("review_decide", args=[item.check_row_id]), posted([box], "approve"))
    work_off()
    batch.refresh_from_db()
    assert counts(batch) == {"deidentified": 1}
    with desk.output(only(batch)) as reader:
        made = pydicom.dcmread(reader)
    blanked = made.pixel_array[4:14, 4:24]
    assert blanked.min() == blanked.max()
    assert made.pixel_array.min() != made.pixel_array.max()


def test_excluding_needs_a_reason_and_can_be_undone(batch, hospital) -> None:
    check = only(batch)
    actor = hospital.viewer(Role.COORDINATOR).actor
    with pytest.raises(PermanentError):
        desk.exclude(check, " ", actor)
    client = signed_in(hospital)
    url = reverse("review_exclude", args=[check.pk])
    assert client.get(url).status_code == 200
    client.post(url, {"reason": "not needed"})
    assert counts(batch) == {"excluded": 1}
    review.restore(batch, [check.instance.number], actor)
    assert counts(batch) == {"held": 1}


def test_nothing_is_decided_about_what_has_left(batch, hospital) -> None:
    actor = hospital.viewer(Role.COORDINATOR).actor
    desk.approve(only(batch), [DRAWN], actor)
    carry_on(batch)
    releasing.release(batch, actor)
    carry_on(batch)
    assert counts(batch) == {"delivered": 1}
    with pytest.raises(PermanentError) as refused:
        desk.approve(only(batch), [DRAWN], actor)
    assert refused.value.code == "not-deciding"


# --- device templates ----------------------------------------------------------------------------


def test_a_template_blanks_the_next_image_of_the_device_and_no_other(
    batch, hospital, markers, settings
) -> None:
    check = only(batch)
    client = signed_in(hospital)
    url = reverse("review_decide", args=[check.pk])
    client.post(url, posted([DRAWN], "approve", template="1"))
    work_off()
    template = DeviceTemplate.objects.get()
    assert (template.rows, template.columns) == (ROWS, COLUMNS)
    assert template.boxes == [[*DRAWN[:4], None, None, "template", False]]
    assert not any(token in str(template) for token in markers.tokens())
    assert template.manufacturer in client.get(reverse("device_templates")).content.decode()

    other = datasets.Markers()
    same = datasets.capture(other, rows=ROWS, columns=COLUMNS)
    larger = datasets.capture(other, rows=ROWS + 8, columns=COLUMNS, SOPInstanceUID="1.2.3.4")
    datasets.write_series(hospital.inbox / "two", [same, larger])
    with text_finder(settings, Told()):
        second = hospital.submit(["two"])
        work_off()
    states = {
        check.rows: (check.state, [row[6] for row in check.boxes])
        for check in PixelCheck.objects.filter(batch=second)
    }
    assert states == {ROWS: ("blanked", ["template"]), ROWS + 8: ("clean", [])}

    remove = reverse("device_template_remove", args=[template.pk])
    assert client.get(remove).status_code == 200
    client.post(remove)
    assert not DeviceTemplate.objects.exists()
    acts = Event.objects.filter(action__startswith="template.").values_list("action", flat=True)
    assert sorted(acts) == ["template.removed", "template.saved"]


def test_a_template_needs_a_device_and_a_box(batch, hospital) -> None:
    client = signed_in(hospital)
    url = reverse("review_decide", args=[only(batch).pk])
    client.post(url, posted([[*DRAWN[:7], True]], "approve", template="1"))
    assert not DeviceTemplate.objects.exists()
    assert only(batch).person_boxes is None, "neither half of the act was done"


# --- what is kept --------------------------------------------------------------------------------


def test_nothing_of_it_holds_an_identifier(batch, hospital, markers, settings) -> None:
    client = signed_in(hospital)
    check = only(batch)
    client.post(reverse("review_decide", args=[check.pk]), posted([DRAWN], "redo", template="1"))
    work_off()
    rows = [
        *PixelCheck.objects.values_list(),
        *DeviceTemplate.objects.values_list(),
        *Event.objects.values_list(),
        *Instance.objects.values_list(),
    ]
    text = repr(rows)
    assert not any(token in text for token in markers.tokens())
    assert isinstance(check.pk, UUID)


def test_the_organization_says_what_becomes_of_a_document_that_names_somebody(hospital) -> None:
    markers = datasets.Markers()
    datasets.write_series(hospital.inbox / "letter", [datasets.pdf(markers)])
    batch = hospital.submit()
    work_off()
    held = Instance.objects.get(batch=batch)
    assert (held.state, held.code) == ("held", "document-identifies")
    hospital.organization.documents = Documents.DROP
    hospital.organization.save()
    batch = hospital.submit(release="when-clean")
    work_off()
    (sent,) = [pydicom.dcmread(path) for path in delivered_files(hospital, batch)]
    assert b"removed by de-identification" in sent.EncapsulatedDocument
    assert not [token for token in markers.tokens() if token.encode() in sent.EncapsulatedDocument]
