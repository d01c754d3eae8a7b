"""The review desk over REST: a machine adds boxes and leaves images out; people let them go."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from studies.deid.pixels import FoundText
from studies.models import DeviceTemplate, Instance, PixelCheck, Role, Unsure
from studies.services import desk, sampling
from tests import datasets
from tests.api.conftest import client_for
from tests.studies.finders import Told, text_finder
from tests.studies.hospital import Hospital, counts, make_hospital, work_off

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "vault"]),
    pytest.mark.usefixtures("redis_server"),
]
ROWS, COLUMNS = 120, 240
UNREAD = FoundText(10, 8, 60, 12, "", 0.3)
BOX = {"x": 100, "y": 60, "width": 50, "height": 20}


@pytest.fixture
def hospital(tmp_path: Path, settings: Any) -> Hospital:
    settings.FOLDER_ROOTS = [str(tmp_path)]
    return make_hospital(tmp_path, unsure_pixels=Unsure.REVIEW)


@pytest.fixture
def client(hospital: Hospital) -> Client:
    return client_for(hospital.organization)


def send(client: Client, path: str, body: Any = None) -> Any:
    sent = b"" if body is None else json.dumps(body).encode()
    return client.post(f"/api/{path}", sent, content_type="application/json")


def captured(hospital: Hospital, settings: Any, *found: FoundText, **how: Any) -> Any:
    datasets.write_series(
        hospital.inbox / "one", [datasets.capture(datasets.Markers(), rows=ROWS, columns=COLUMNS)]
    )
    with text_finder(settings, Told(*found)):
        batch = hospital.submit(**how)
        work_off()
    batch.refresh_from_db()
    return batch


def test_what_waits_is_listed_with_boxes_and_without_a_word_of_the_image(
    hospital: Hospital, client: Client, settings: Any
) -> None:
    found = FoundText(10, 8, 60, 12, "MULLER", 0.3)
    batch = captured(hospital, settings, found)
    answer = client.get(f"/api/batches/{batch.pk}/checks?waiting=true")
    (item,) = answer.json()["items"]
    assert (item["heldCode"], item["state"]) == ("pixel-text-review", "review")
    assert (item["rows"], item["columns"], item["isApproved"]) == (ROWS, COLUMNS, False)
    (box,) = item["boxes"]
    assert (box["because"], box["kept"], box["firstFrame"]) == ("text", False, None)
    assert b"MULLER" not in answer.content


def test_boxes_are_added_to_those_that_were_found_and_a_person_has_to_look(
    hospital: Hospital, client: Client, settings: Any
) -> None:
    batch = captured(hospital, settings, UNREAD)
    check = PixelCheck.objects.get()
    had = list(check.boxes)
    answer = send(client, f"checks/{check.pk}/boxes", {"boxes": [BOX]})
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["boxes"]) == len(had) + 1
    with text_finder(settings, Told(UNREAD)):
        work_off()
    check.refresh_from_db()
    assert check.person_boxes == [*had, [100, 60, 50, 20, None, None, "person", False]]
    held = Instance.objects.get()
    assert (held.state, held.code) == ("held", "pixel-awaits-approval")
    event = Event.objects.get(action="image.drawn")
    assert (event.actor_kind, event.detail["blanked"]) == ("token", len(had) + 1)
    assert counts(batch) == {"held": 1}


@pytest.mark.parametrize(
    ("box", "status", "code"),
    [
        (BOX | {"x": COLUMNS}, 409, "box-invalid"),
        (BOX | {"firstFrame": 1, "lastFrame": 2}, 409, "box-invalid"),
        (BOX | {"width": 0}, 422, "invalid"),
        (BOX | {"kept": True}, 422, "invalid"),
    ],
)
def test_a_box_outside_the_image_or_that_would_keep_something_is_refused(
    hospital: Hospital, client: Client, settings: Any, box: Any, status: int, code: str
) -> None:
    captured(hospital, settings, UNREAD)
    check = PixelCheck.objects.get()
    answer = send(client, f"checks/{check.pk}/boxes", {"boxes": [box]})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert PixelCheck.objects.get().person_boxes is None


def test_no_operation_approves_or_judges_an_image(client: Client) -> None:
    text = client.get("/api/openapi.json").content.decode()
    assert "/checks/{check_id}/boxes" in text
    assert not [word for word in ("/approve", "/judge", ".png", "/names") if word in text]


def test_an_image_is_left_out_with_a_reason(
    hospital: Hospital, client: Client, settings: Any
) -> None:
    batch = captured(hospital, settings, UNREAD)
    check = PixelCheck.objects.get()
    blank = send(client, f"checks/{check.pk}/exclude", {"reason": " "})
    assert (blank.status_code, blank.json()["code"]) == (422, "invalid")
    answer = send(client, f"checks/{check.pk}/exclude", {"reason": "a scanned form"})
    assert answer.json() == {"count": 1}
    assert counts(batch) == {"excluded": 1}


def test_a_sample_is_drawn_and_seen_but_looked_at_by_people(
    hospital: Hospital, client: Client, settings: Any
) -> None:
    hospital.organization.sampling_confidence = 95
    hospital.organization.save()
    datasets.write_series(hospital.inbox / "one", [datasets.ct()])
    batch = hospital.submit()
    work_off()
    assert client.get(f"/api/batches/{batch.pk}/samples").json() == []
    answer = send(client, f"batches/{batch.pk}/samples")
    assert answer.status_code == 201, answer.content
    drawn = answer.json()
    assert (drawn["state"], drawn["size"], drawn["looked"]) == ("open", 1, 0)
    again = send(client, f"batches/{batch.pk}/samples")
    assert (again.status_code, again.json()["code"]) == (409, "sample-open")
    sample = sampling.open_sample(batch)
    assert sample is not None
    item = sampling.next_item(sample)
    assert item is not None
    sampling.judge(item, True, hospital.viewer(Role.COORDINATOR).actor)
    (listed,) = client.get(f"/api/batches/{batch.pk}/samples").json()
    assert (listed["state"], listed["looked"], listed["findings"]) == ("passed", 1, 0)


# --- device templates ----------------------------------------------------------------------------

TEMPLATE = {
    "manufacturer": "Example",
    "model": "E 10",
    "rows": ROWS,
    "columns": COLUMNS,
    "boxes": [{"x": 0, "y": 0, "width": 300, "height": 20}],
}


def test_a_template_is_kept_blanks_the_next_image_and_is_forgotten(
    hospital: Hospital, client: Client, settings: Any
) -> None:
    answer = send(client, "device-templates", TEMPLATE)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    # Cut to the image.
    assert made["boxes"] == [{"x": 0, "y": 0, "width": COLUMNS, "height": 20}]
    assert client.get("/api/device-templates").json() == [made]
    image = datasets.capture(datasets.Markers(), rows=ROWS, columns=COLUMNS)
    image.Manufacturer, image.ManufacturerModelName = "EXAMPLE", "E 10"
    datasets.write_series(hospital.inbox / "two", [image])
    with text_finder(settings, Told()):
        hospital.submit(["two"])
        work_off()
    assert [box[:4] for box in PixelCheck.objects.get().boxes] == [[0, 0, COLUMNS, 20]]
    url = f"/api/device-templates/{made['templateId']}"
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404
    assert not DeviceTemplate.objects.exists()
    kinds = Event.objects.filter(subject=made["templateId"]).values_list("action", "actor_kind")
    assert set(kinds) == {("template.saved", "token"), ("template.removed", "token")}


def test_a_template_of_the_same_device_and_size_is_replaced(client: Client) -> None:
    boxes = [{"x": 5, "y": 5, "width": 5, "height": 5}]
    first = send(client, "device-templates", TEMPLATE).json()
    second = send(client, "device-templates", TEMPLATE | {"boxes": boxes}).json()
    assert (second["templateId"], second["boxes"]) == (first["templateId"], boxes)


def test_a_template_that_lies_outside_is_refused(client: Client) -> None:
    outside = {"boxes": [{"x": COLUMNS, "y": 0, "width": 5, "height": 5}]}
    answer = send(client, "device-templates", TEMPLATE | outside)
    assert (answer.status_code, answer.json()["code"]) == (422, "box-invalid")


def test_the_desk_of_others_does_not_exist(
    hospital: Hospital, client: Client, settings: Any, tmp_path: Path
) -> None:
    south = make_hospital(tmp_path, "south", "SOUTH", unsure_pixels=Unsure.REVIEW)
    captured(south, settings, UNREAD)
    check = desk.queue(south.organization).get()
    send(client_for(south.organization), "device-templates", TEMPLATE)
    theirs = DeviceTemplate.objects.get()
    assert send(client, f"checks/{check.pk}/boxes", {"boxes": [BOX]}).status_code == 404
    assert send(client, f"checks/{check.pk}/exclude", {"reason": "x"}).status_code == 404
    assert client.get(f"/api/batches/{check.batch_id}/checks").status_code == 404
    assert client.get("/api/device-templates").json() == []
    assert client.delete(f"/api/device-templates/{theirs.pk}").status_code == 404
    assert DeviceTemplate.objects.exists()
