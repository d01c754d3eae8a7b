"""What destinations and sources are made of, by kind, as the API takes it.

Secrets go in and never come out. The fields are those of the pages' forms; a test compares them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from studies.api.schemas import WHOLE, In, Text
from studies.delivery.kinds import MOST_PARALLEL

# PS3.5 6.2: up to 16 characters, no backslash, no blank at either end.
AeTitle = Annotated[str, StringConstraints(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")]
Host = Annotated[Text, Field(min_length=1, max_length=200)]
Port = Annotated[int, Field(ge=1, le=65535), WHOLE]
Optional = Annotated[Text, Field(max_length=200)]
Secret = Annotated[Text, Field(max_length=4000)]
Pem = Annotated[Text, Field(max_length=20_000)]
Authority = Annotated[Pem, Field(description="PEM of a private authority, if it is from one")]


class Kept(In):
    """Fields of one kind; what is empty or was left out isn't kept."""

    @property
    def kept(self) -> dict[str, Any]:
        """Return what is kept, under the names of the forms."""
        return {name: value for name, value in self if value not in (None, "", False)}


class NoSecrets(Kept):
    """A kind without secrets."""


# --- destinations --------------------------------------------------------------------------------


class LimitedConfig(Kept):
    """What every destination's config has."""

    parallel: Annotated[int, Field(ge=1, le=MOST_PARALLEL), WHOLE] | None = Field(
        None, description="Connections at once"
    )
    megabits: Annotated[float, Field(ge=0.1, le=1_000_000)] | None = Field(
        None, description="Bandwidth, Mbit/s; without it there is no limit"
    )


class FolderConfig(LimitedConfig):
    """A folder."""

    root: Text = Field(min_length=1, max_length=300, description="Below an allowed root")


class S3Config(LimitedConfig):
    """A bucket."""

    bucket: Text = Field(min_length=3, max_length=63)
    folder: Text = Field("", max_length=100)
    aws_region: Text = Field("", max_length=40)
    endpoint: Optional = Field("", description="Empty for Amazon S3; else https://…")
    encryption: Literal["", "AES256", "aws:kms"] = ""
    kms_key: Optional = ""
    path_style: bool = False
    create: bool = Field(False, description="Make the bucket if it is missing")
    ca: Authority = ""
    auth: Literal["keys", "role"]
    role_arn: Optional = ""


class S3Secrets(Kept):
    """How a bucket is signed in to."""

    access_key: Secret = ""
    secret_key: Secret = ""
    session_token: Secret = ""
    external_id: Secret = ""


class AzureConfig(LimitedConfig):
    """A container."""

    container: Text = Field(min_length=3, max_length=63)
    folder: Text = Field("", max_length=100)
    create: bool = Field(False, description="Make the container if it is missing")
    ca: Authority = ""
    auth: Literal["connection", "sas", "identity"]
    account_url: Optional = ""
    client_id: Text = Field("", max_length=80)


class AzureSecrets(Kept):
    """How a container is signed in to."""

    connection_string: Secret = ""
    sas: Secret = ""


class StowConfig(LimitedConfig):
    """A DICOMweb archive."""

    url: Text = Field(min_length=1, max_length=200, description="https://…, without /studies")
    ca: Authority = ""
    auth: Literal["none", "basic", "bearer"]


class StowSecrets(Kept):
    """How an archive is signed in to."""

    user: Secret = ""
    password: Secret = ""
    token: Secret = ""


class DimseConfig(LimitedConfig):
    """A DICOM node."""

    host: Host
    port: Port
    called_ae: AeTitle
    calling_ae: AeTitle
    tls: bool = True
    ca: Authority = ""


class DimseSecrets(Kept):
    """What a node wants to see of the portal."""

    client_certificate: Annotated[Pem, Field(description="Certificate and key, as PEM")] = ""


class DestinationBase(In):
    """What every destination says of its recipient."""

    name: Text = Field(min_length=1, max_length=80)
    operator: Text = Field(min_length=1, max_length=120, description="Who receives the studies")
    region: Text = Field(
        min_length=1, max_length=40, description="One that the organization allows"
    )
    agreement: Text = Field(min_length=1, max_length=120)
    allows_nonconformant: bool = False


class FolderDestinationIn(DestinationBase):
    """A folder destination."""

    kind: Literal["folder"]
    config: FolderConfig
    secrets: NoSecrets = NoSecrets()


class S3DestinationIn(DestinationBase):
    """A bucket as destination."""

    kind: Literal["s3"]
    config: S3Config
    secrets: S3Secrets = S3Secrets()


class AzureDestinationIn(DestinationBase):
    """A container as destination."""

    kind: Literal["azure"]
    config: AzureConfig
    secrets: AzureSecrets = AzureSecrets()


class StowDestinationIn(DestinationBase):
    """A DICOMweb archive as destination."""

    kind: Literal["stow"]
    config: StowConfig
    secrets: StowSecrets = StowSecrets()


class DimseDestinationIn(DestinationBase):
    """A DICOM node as destination."""

    kind: Literal["dimse"]
    config: DimseConfig
    secrets: DimseSecrets = DimseSecrets()


DESTINATIONS = (
    FolderDestinationIn,
    S3DestinationIn,
    AzureDestinationIn,
    StowDestinationIn,
    DimseDestinationIn,
)
DestinationIn = Annotated[
    FolderDestinationIn
    | S3DestinationIn
    | AzureDestinationIn
    | StowDestinationIn
    | DimseDestinationIn,
    Field(discriminator="kind"),
]


# --- sources -------------------------------------------------------------------------------------


class FolderSourceConfig(Kept):
    """A folder that is browsed."""

    root: Text = Field(min_length=1, max_length=300, description="Below an allowed root")


class DicomWebConfig(Kept):
    """A DICOMweb service."""

    url: Text = Field(min_length=1, max_length=300, description="https://…, without /studies")
    user: Text = Field("", max_length=150)
    issuers: Authority = ""


class DicomWebSecrets(Kept):
    """How a DICOMweb service is signed in to."""

    password: Secret = ""
    token: Secret = ""


class DimseSourceConfig(Kept):
    """A PACS."""

    host: Host
    port: Port
    called_ae: AeTitle
    calling_ae: AeTitle
    method: Literal["get", "move"]
    tls: bool = False
    issuers: Authority = ""


class FolderSourceIn(In):
    """A folder as source."""

    name: Text = Field(min_length=1, max_length=80)
    kind: Literal["folder"]
    config: FolderSourceConfig
    secrets: NoSecrets = NoSecrets()


class DicomWebSourceIn(In):
    """A DICOMweb service as source."""

    name: Text = Field(min_length=1, max_length=80)
    kind: Literal["dicomweb"]
    config: DicomWebConfig
    secrets: DicomWebSecrets = DicomWebSecrets()


class DimseSourceIn(In):
    """A PACS as source."""

    name: Text = Field(min_length=1, max_length=80)
    kind: Literal["dimse"]
    config: DimseSourceConfig
    secrets: NoSecrets = NoSecrets()


SOURCES = (FolderSourceIn, DicomWebSourceIn, DimseSourceIn)
SourceIn = Annotated[FolderSourceIn | DicomWebSourceIn | DimseSourceIn, Field(discriminator="kind")]
