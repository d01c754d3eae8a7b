"""People and descriptions for property tests: names in many scripts, protocols as written."""

import datetime
import unicodedata
from dataclasses import dataclass

from hypothesis import strategies as st

FAMILIES = [
    "Smith",
    "Müller",
    "Björklund",
    "O'Brien",
    "van der Berg",
    "García",
    "Nuñez",
    "Łukasiewicz",
    "Çelik",
    "Dvořák",
    "Nguyễn",
    "Þórsson",
    "Groß",
    "Jørgensen",
    "Lefèvre",
    "McDonald",
    "Ó Súilleabháin",
    "Abdulrahman",
    "Papadopoulos",
    "Mbeki",
    "Tanaka",
    "Kowalczyk",
    "Smith-Jones",
    "De la Cruz",
    "Vandenberghe",
    "Fitzgerald",
    "Żółkiewski",
    "Ångström",
    "Šimić",
    "Öztürk",
    "Maeda",
    "Trueba",
]
SHORT_FAMILIES = ["Lee", "Kim", "Roy", "Fox", "Cox", "Yang", "Khan", "Shaw", "Diaz", "Cruz"]
CLINICAL_FAMILIES = [
    "Hand",
    "Baker",
    "Parkinson",
    "Hodgkin",
    "Graves",
    "Wilson",
    "Crohn",
    "Long",
    "Foot",
]
TINY_FAMILIES = ["Li", "Wu", "Ng", "Xu", "He", "Ma", "An", "Do"]
GIVEN = [
    "John",
    "Anna",
    "Jürgen",
    "Zoë",
    "François",
    "Jean-Luc",
    "Øyvind",
    "María José",
    "Xiaodong",
    "Aleksandra",
    "Ignacio",
    "Siobhán",
    "Peter",
    "Wei",
    "Thu Hà",
    "Günther",
    "Désirée",
    "Giulia",
]
NATIVE = [
    "Иванова^Екатерина",
    "Παπαδόπουλος^Γεώργιος",
    "王^小明",
    "欧阳^娜娜",
    "山田^太郎",
    "김^철수",
    "قباني^نزار",
    "שרון^דבורה",
    "ヤマダ^タロウ",
    "佐々木^健一",
    "Шевченко^Олександр",
    "李^建国",
    "נתניהו^יעל",
]
DESCRIPTIONS = [
    "CT CHEST W CONTRAST 5MM",
    "CT Abdomen/Pelvis W/WO",
    "MR KNEE LT W/O",
    "AX T2 FLAIR FS 3MM",
    "Parkinson protocol",
    "Hodgkin lymphoma staging",
    "Baker cyst, knee",
    "XR HAND 3 VIEWS LEFT",
    "CHEST AP PORTABLE",
    "Graves disease uptake",
    "Wilson disease liver",
    "SAG T1 TSE",
    "LONG AXIS",
    "PA AND LATERAL",
    "DR SPINE LUMBAR 2V",
    "MR ANGIO CIRCLE OF WILLIS",
    "MRCP 3D MIP",
    "US RENAL",
    "Head^Routine (Adult)",
    "Abdomen^01_LIVER_3PHASE",
    "THORAX  1.0  B70f",
    "Thin Lung 0.625",
    "PET AC WB",
    "CTA Head & Neck 0.5",
    "DWI b1000 ADC",
    "T2* GRE",
    "L-SPINE FLEX/EXT",
    "C5-C6 facet",
    "L4/5 disc",
    "SUV max 12.5",
    "120 kV 300 mAs",
    "TR 2000 TE 30",
    "Cor STIR 4mm/1",
    "Knee rt. sag PD fs",
    "Ga-68 DOTATATE",
    "F-18 FDG 370 MBq",
    "Mammo MLO R",
    "Schädel nativ",
    "Tórax PA y lateral",
    "Genou droit face",
    "Fuß links 2 Ebenen",
    "胸部CT平扫",
    "頭部MRI 造影",
    "복부 초음파",
    "МРТ головного мозга",
    "ThorAbd 5.0 I31f 3",
    "0.5 x 0.5 x 0.6",
    "for evaluation of PE",
    "follow up for lymphoma",
    "by protocol 4",
    "Dose Report",
    "Patient Protocol",
    "SCOUT",
    "Smart Prep Series",
    "Localizer",
    "3-plane loc",
    "1.25mm STD",
    "WW 350 WL 40",
    "Crohn MR enterography",
    "CT 3D RECON",
    "LUNG SCREENING LOW DOSE",
    "OCT 3",
    "MAR 2",
    "ECG gated 70-80%",
    "Tc-99m MDP 25 mCi",
    "R/O PE",
    "S/P TAVR",
    "DR HAND 2 VIEWS",
    "MR HAND LEFT",
    "US GUIDED BX",
    "1/2/3",
    "T10-L2",
    "MS lesion 3T",
]
SEPARATORS = [" ", ", ", "^", "_", "-", ". ", ",", "  "]


@dataclass(frozen=True)
class Person:
    """One generated patient."""

    name: str
    native: str
    patient_id: str
    birth: str

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """Return what the data set would say about the person."""
        name = f"{self.name}={self.native}" if self.native else self.name
        return (("name", name), ("id", self.patient_id), ("birth", self.birth))


IDS = st.one_of(
    st.integers(100000, 999999999).map(str),
    st.integers(1, 99999999).map("{:010d}".format),
    st.tuples(st.sampled_from(["MR", "AB", "E", "PAT"]), st.integers(10000, 99999999)).map(
        lambda pair: f"{pair[0]}{pair[1]}"
    ),
    st.integers(1000000, 9999999).map(lambda n: f"{str(n)[:3]}-{str(n)[3:]}"),
)
BIRTHS = st.dates(datetime.date(1920, 1, 1), datetime.date(2023, 1, 1)).map("{:%Y%m%d}".format)
ANY_FAMILY = st.sampled_from(FAMILIES + SHORT_FAMILIES + CLINICAL_FAMILIES + TINY_FAMILIES)
PEOPLE = st.builds(
    lambda family, given, native, patient_id, birth: Person(
        f"{family}^{given}", native, patient_id, birth
    ),
    ANY_FAMILY,
    st.sampled_from(GIVEN),
    st.sampled_from(["", *NATIVE]),
    IDS,
    BIRTHS,
)


def without_accents(text: str) -> str:
    """Return the text as a machine without accents would have written it."""
    text = text.translate(
        str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "Þ": "Th"})
    )
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


FORMS = st.sampled_from(
    [
        str, str.upper, str.lower, without_accents, lambda t: without_accents(t).upper(),
        lambda t: unicodedata.normalize("NFD", t), lambda t: unicodedata.normalize("NFC", t),
    ]
)  # fmt: skip
