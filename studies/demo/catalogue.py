"""Which studies a demo has: every visit with its objects, in the order a folder would list them.

Decides content only; `folder` decides where it lies on disk.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from studies.demo import captures, documents, sections
from studies.demo.people import Numbers, Visit, patients, visit

Scale = Literal["demo", "small"]


@dataclass(frozen=True)
class Sizes:
    """How large the objects of a scale are."""

    ct_slices: int
    ct_side: int
    other_slices: int
    mr_side: int
    frames: int
    cine_frames: int
    cine: tuple[int, int]
    screen: tuple[int, int]
    radiograph: tuple[int, int]


SIZES: dict[Scale, Sizes] = {
    "demo": Sizes(30, 512, 6, 256, 10, 16, (480, 640), (600, 800), (1200, 1024)),
    "small": Sizes(3, 64, 2, 48, 3, 2, (180, 280), (180, 280), (96, 80)),
}


@dataclass(frozen=True)
class PlannedStudy:
    """A visit, the objects that will be made for it, and how they are stored."""

    visit: Visit
    objects: Callable[[], Iterator[Dataset]]
    on_disc: bool = False
    burnt_in: bool = False
    transfer_syntax: str = ExplicitVRLittleEndian


def planned(seed: int, scale: Scale) -> Iterator[PlannedStudy]:
    """Every study of a demo; objects are made when they are asked for."""
    numbers, sizes = Numbers(seed), SIZES[scale]
    people = patients(numbers)
    prior = visit(numbers, "ct-prior", people["amelia"], "CT", dt.datetime(2023, 2, 6, 9, 12),
                  "CT CHEST", referrer="Quibbleworth^Thaddeus^^Dr")  # fmt: skip
    current = visit(numbers, "ct-current", people["amelia"], "CT",
                    dt.datetime(2024, 1, 15, 14, 35, 20), "CT CHEST W CONTRAST 5MM")  # fmt: skip
    yield PlannedStudy(prior, lambda: _ct(prior, sizes.other_slices, sizes, "siemens"))
    yield PlannedStudy(current, lambda: _ct_with_report(current, prior, sizes))
    mr = visit(numbers, "mr-brain", people["taro"], "MR", dt.datetime(2024, 2, 3, 8, 5),
               "MR BRAIN PARKINSON PROTOCOL", body_part="BRAIN",
               institution="Daremo Inai Byouin", station="MRTOKYO1")  # fmt: skip
    yield PlannedStudy(mr, lambda: _mr(mr, sizes))
    yield from _on_disc(numbers, sizes)
    chest = visit(numbers, "dx-chest", people["pyotr"], "DX", dt.datetime(2024, 3, 11, 11, 40),
                  "CHEST PA", station="XRAY3", referrer="Небыльский^Фома^^Dr")  # fmt: skip
    rows, columns = sizes.radiograph
    yield PlannedStudy(
        chest, lambda: iter([captures.chest_radiograph(chest, rows=rows, columns=columns)])
    )
    abdomen = visit(numbers, "ct-abdomen", people["shili"], "CT", dt.datetime(2024, 2, 20, 16, 2),
                    "CT ABDOMEN", body_part="ABDOMEN", station="GECT2",
                    referrer="Xugou^Yisheng=虚构^医生")  # fmt: skip
    yield PlannedStudy(
        abdomen,
        lambda: _ct(abdomen, sizes.other_slices, sizes, "ge"),
        transfer_syntax=ImplicitVRLittleEndian,
    )
    yield from _documents(numbers, sizes)


def _on_disc(numbers: Numbers, sizes: Sizes) -> Iterator[PlannedStudy]:
    """The two studies that came on a disc, both with text in their pixels."""
    people = patients(numbers)
    heart = visit(numbers, "us-cine", people["maria"], "US", dt.datetime(2024, 1, 22, 10, 30),
                  "ECOCARDIOGRAMA", body_part="HEART",
                  institution="Clínica de Ningún Lugar")  # fmt: skip
    (rows, columns), frames = sizes.cine, sizes.cine_frames
    yield PlannedStudy(
        heart,
        lambda: iter([captures.us_cine(heart, frames=frames, rows=rows, columns=columns)]),
        on_disc=True,
        burnt_in=True,
        transfer_syntax=JPEGBaseline8Bit,
    )
    screen = visit(numbers, "sc-screen", people["lucja"], "OT", dt.datetime(2024, 1, 29, 13, 1),
                   "SCREEN CAPTURE", institution="Szpital Nieistniejący")  # fmt: skip
    height, width = sizes.screen
    yield PlannedStudy(
        screen,
        lambda: iter([captures.screen_capture(screen, rows=height, columns=width)]),
        on_disc=True,
        burnt_in=True,
    )


def _documents(numbers: Numbers, sizes: Sizes) -> Iterator[PlannedStudy]:
    people = patients(numbers)
    measured = visit(numbers, "sr-measurements", people["nora"], "CT",
                     dt.datetime(2024, 2, 8, 9, 50), "CT LIVER FOLLOW-UP",
                     body_part="LIVER")  # fmt: skip
    yield PlannedStudy(measured, lambda: iter([documents.measurement_report(measured)]))
    post = visit(numbers, "pdf-letter", people["nora"], "DOC", dt.datetime(2024, 2, 9, 15, 10),
                 "REFERRAL LETTER")  # fmt: skip
    yield PlannedStudy(post, lambda: iter([documents.letter(post)]))
    tumour = visit(numbers, "pet", people["edgar"], "PT", dt.datetime(2024, 3, 1, 7, 45),
                   "PET WHOLE BODY FDG", body_part="WHOLEBODY", station="PET1")  # fmt: skip
    total = sizes.other_slices
    yield PlannedStudy(
        tumour,
        lambda: (
            sections.pet_slice(tumour, number=n, total=total, size=sizes.mr_side // 2)
            for n in range(1, total + 1)
        ),
    )


def _ct(visit: Visit, total: int, sizes: Sizes, vendor: sections.Vendor) -> Iterator[Dataset]:
    for number in range(1, total + 1):
        yield sections.ct_slice(
            visit, number=number, total=total, size=sizes.ct_side, vendor=vendor
        )


def _ct_with_report(current: Visit, prior: Visit, sizes: Sizes) -> Iterator[Dataset]:
    total = sizes.ct_slices
    for number in range(1, total + 1):
        yield sections.ct_slice(
            current, number=number, total=total, size=sizes.ct_side, contrast=True, prior=prior
        )
    yield documents.text_report(current)


def _mr(visit: Visit, sizes: Sizes) -> Iterator[Dataset]:
    for number in range(1, sizes.other_slices + 1):
        yield sections.mr_slice(visit, number=number, total=sizes.other_slices, size=sizes.mr_side)
    yield sections.enhanced_mr(visit, frames=sizes.frames, size=sizes.mr_side * 3 // 4)
