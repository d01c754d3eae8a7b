"""From sign-in to re-identification in real Chromium, on the portal as `make run` starts it.

A coordinator drops a folder, decides what was held and releases; a radiologist finds the patient
again; an auditor sees each of these acts. Then everything the run left behind is searched for the
patients' identifiers.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from studies.demo import DemoStudy, make_studies
from tests.ops.test_up import Running, signal

pytestmark = [pytest.mark.acceptance, pytest.mark.chain, pytest.mark.timeout(900)]
PATIENCE = 120_000


class Portal:
    """A running portal, its address and the passwords of its demo accounts."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.url = f"http://127.0.0.1:{running.port}"
        lines = (running.data / "demo-passwords.txt").read_text(encoding="utf-8").splitlines()
        self.passwords = dict(line.split() for line in lines)

    def password(self, who: str) -> str:
        return next(word for mail, word in self.passwords.items() if mail.startswith(who))

    def sign_in(self, page: Page, who: str) -> None:
        page.context.clear_cookies()
        page.goto(f"{self.url}/account/sign-in/")
        page.get_by_label("E-mail").fill(next(m for m in self.passwords if m.startswith(who)))
        page.get_by_label("Password").fill(self.password(who))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(r"(?<!sign-in/)$"))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Running(tmp_path_factory.mktemp("portal") / "data")
    try:
        running.wait_until_ready()
        yield Portal(running)
    finally:
        running.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[DemoStudy]:
    return make_studies(tmp_path_factory.mktemp("disc") / "studies", seed=7, scale="small")


def wait_for_state(page: Page, word: str) -> None:
    expect(page.locator(".head .pill").first).to_contain_text(word, timeout=PATIENCE)


def exclude_everything_held(page: Page) -> None:
    """Leave out each group of held or refused images, with a reason."""
    for _group in range(20):
        link = page.get_by_role("link", name="Exclude with a reason", include_hidden=True)
        if not link.count():
            return
        page.goto(str(link.first.evaluate("link => link.href")))
        page.get_by_label("Reason").fill("not needed for this reading")
        page.get_by_role("button", name="Exclude").click()
        page.wait_for_load_state()
    raise AssertionError("held images stayed")


def test_a_study_goes_out_without_its_patient_and_comes_back(
    portal: Portal, studies: list[DemoStudy], page: Page, tmp_path: Path
) -> None:
    errors: list[str] = []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))

    cloud_id, batch_id = coordinator_sends(portal, studies, page, tmp_path)
    radiologist_finds(portal, studies, page, cloud_id)
    auditor_sees(portal, page)
    # The browser reports the refused try at the door; there must be no other fault.
    assert [error for error in errors if "422" not in error] == []
    assert_nothing_in_clear(portal, studies)
    assert batch_id


def coordinator_sends(
    portal: Portal, studies: list[DemoStudy], page: Page, tmp_path: Path
) -> tuple[str, str]:
    """Drop a folder, choose, watch, decide, release; return a cloud study id and the batch."""
    portal.sign_in(page, "alice")
    page.get_by_role("link", name="New batch").first.click()
    root = os.path.commonpath([study.folder for study in studies])
    page.locator("#pick-folder").set_input_files(root)
    expect(page.locator("[data-count]")).to_contain_text("received", timeout=PATIENCE)
    page.locator("input[name=priority][value=STAT]").check()
    page.get_by_role("button", name="Start batch").click()
    page.wait_for_selector("#batch-live", timeout=PATIENCE)
    batch_url = page.url
    wait_for_state(page, "Review")
    expect(page.locator("[id^=held-pixel-]")).to_have_count(0)
    expect(page.get_by_text("Text was blanked")).to_be_visible()
    looks_at_what_was_blanked(page, studies)
    page.goto(batch_url)

    page.get_by_role("button", name="Show names").click()
    expect(page.get_by_text(studies[0].patient.patient_id).first).to_be_visible()
    page.goto(batch_url)

    exclude_everything_held(page)
    page.goto(batch_url)
    page.get_by_role("link", name="Release").click()
    page.locator("form[data-confirm] button.go").click()
    wait_for_state(page, "Delivered")
    with page.expect_download() as download:
        page.get_by_role("link", name="manifest.json").click()
    download.value.save_as(tmp_path / "manifest.json")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    outbox = portal.running.data / "demo" / "outbox" / manifest["BatchId"]
    assert (outbox / "manifest.json").read_bytes() == (tmp_path / "manifest.json").read_bytes()
    assert manifest["TotalImages"] == len(list(outbox.rglob("*.dcm"))) > 0
    mails = [path.read_text() for path in (portal.running.data / "mail").glob("*")]
    alerts = [mail for mail in mails if manifest["BatchId"] in mail]
    assert len(alerts) == 1, "held images of a STAT batch alert by e-mail, once"
    return manifest["Studies"][0]["CloudStudyId"], manifest["BatchId"]


def looks_at_what_was_blanked(page: Page, studies: list[DemoStudy]) -> None:
    """Open an ultrasound and a capture at the desk: before and after, picture and header."""
    links = [link.get_attribute("href") for link in page.locator("a[href^='/review/']").all()]
    images = [link for link in links if link and link != "/review/"]
    assert len(images) >= 2, "an ultrasound and a capture at least"
    for link in images:
        page.goto(page.url.split("/batches/")[0].split("/review/")[0] + link)
        expect(page.locator("#boxes [data-box]").first).to_be_visible()
        expect(page.get_by_text("After, as it would leave")).to_be_visible()
        page.wait_for_function(ALL_LOADED)
        before, after = page.evaluate(BRIGHTNESS_IN_BOXES)
        assert before > 20, "something bright was written there"
        assert after < before / 4, "and is blanked"
    expect(page.locator("#header")).to_contain_text("CloudStudy^")


ALL_LOADED = """async () => {
  const images = [...document.querySelectorAll("#viewer image")];
  return (await Promise.all(images.map((one) => fetch(one.href.baseVal)))).every((a) => a.ok);
}"""
# The brightest channel's greatest value inside the first box: of the picture before, and after.
BRIGHTNESS_IN_BOXES = """async () => {
  const box = document.querySelector("#boxes [data-box]");
  const value = (name) => +box.querySelector(`[name=${name}]`).value;
  const [x, y, w, h] = ["x", "y", "width", "height"].map(value);
  const of = async (side) => {
    const href = document.querySelector(`[data-pane=${side}] image`).href.baseVal;
    const picture = await createImageBitmap(await (await fetch(href)).blob());
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext("2d");
    context.drawImage(picture, -x, -y);
    const values = context.getImageData(0, 0, w, h).data;
    return Math.max(...values.filter((_, n) => n % 4 !== 3));
  };
  return [await of("before"), await of("after")];
}"""


def radiologist_finds(portal: Portal, studies: list[DemoStudy], page: Page, cloud_id: str) -> None:
    """Go through the door: once with a wrong password, then with the right one."""
    portal.sign_in(page, "bob")
    page.get_by_role("link", name="Re-identify").first.click()
    page.get_by_label("Cloud study id").fill(cloud_id.lower())
    page.get_by_label("Your password").fill("a wrong password")
    page.get_by_role("button", name="Show the patient").click()
    expect(page.get_by_text("That password is not right").first).to_be_visible()
    page.get_by_label("Your password").fill(portal.password("bob"))
    page.get_by_role("button", name="Show the patient").click()
    shown = page.locator("#shown").inner_text()
    owners = [study for study in studies if study.study_uid in shown]
    assert len({study.study_uid for study in owners}) == 1
    assert owners[0].patient.patient_id in shown
    strangers = [one for one in studies if one.patient.patient_id != owners[0].patient.patient_id]
    assert not any(one.patient.patient_id in shown for one in strangers)

    page.goto(f"{portal.url}/reports/bring/")
    page.get_by_label("Report").fill(f"Study {cloud_id}: no acute finding. <script>x()</script>")
    page.get_by_role("button", name="Take it in").click()
    page.get_by_role("link", name="Open with the patient").click()
    # Who said who they are less than five minutes ago isn't asked again.
    expect(page.get_by_label("Your password")).to_have_count(0)
    page.get_by_role("button", name="Show the patient").click()
    paper = page.locator(".paper")
    expect(paper).to_contain_text(owners[0].visit.accession)
    expect(paper).to_contain_text("<script>x()</script>")


def auditor_sees(portal: Portal, page: Page) -> None:
    """See each act in the trail, and that its chain verifies."""
    portal.sign_in(page, "carol")
    seen = page.locator("main").inner_text()
    for act in ("Patient shown", "Report received", "Batch delivered", "Images excluded"):
        assert act in seen, act
    page.get_by_role("button", name=re.compile("Verify")).first.click()
    expect(page.locator("main")).to_contain_text("Chain verified", timeout=PATIENCE)


def assert_nothing_in_clear(portal: Portal, studies: list[DemoStudy]) -> None:
    """Search logs, databases, Redis, mail, sealed stores and the delivered files alike."""
    tokens = {token for study in studies for token in identifiers(study)}
    wanted = [(token, token.encode()) for token in tokens] + [
        (token, token.encode("utf-16-le")) for token in tokens
    ]
    data = portal.running.data
    inbox = data / "demo" / "studies"
    for path in data.rglob("*"):
        if path.is_file() and inbox not in path.parents:
            content = path.read_bytes()
            found = [token for token, coded in wanted if coded in content]
            assert not found, f"{path.relative_to(data)} holds an identifier"
            assert not any(token in str(path.relative_to(data)) for token in tokens)


def identifiers(study: DemoStudy) -> set[str]:
    """Return what of a study identifies, long enough that it can't be there by chance."""
    patient, visit = study.patient, study.visit
    words = {patient.patient_id, visit.accession, visit.study_uid, visit.study_id, visit.placer}
    words |= set(study.sop_instance_uids)
    words |= {part for part in re.split(r"[\^= ]", patient.name) if len(part) > 5}
    return {word for word in words if len(word) > 5}
