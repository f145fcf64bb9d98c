"""The files of a model: their sizes, what they must hash to, and the sources that they come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from omz.redaction import redacted
from omz.zoo.fields import (
    GoogleDriveId,
    HttpUrl,
    HubRepository,
    HubRevision,
    RelativePath,
    Sha256,
    Sha256Prefix,
    Sha384,
    Size,
)
from omz.zoo.section import Section


class Digest(NamedTuple):
    """What a whole file must hash to; ``algorithm`` is a name that :func:`hashlib.new` takes."""

    algorithm: str
    hexdigest: str
    #: ``hexdigest`` has the first digits only: enough against damage, not against a forger.
    is_prefix: bool = False

    def holds(self, hexdigest: str) -> bool:
        """Tell whether a whole digest, in lower case, is the one that is stated."""
        return hexdigest.startswith(self.hexdigest) if self.is_prefix else hexdigest == self.hexdigest


class HttpSource(Section):
    """A plain ``http(s)`` address."""

    type: Literal["http"] = Field("http", alias="$type")
    url: HttpUrl

    def __str__(self) -> str:
        return redacted(self.url)


class GoogleDriveSource(Section):
    """A file shared on Google Drive, by its id."""

    type: Literal["google_drive"] = Field(alias="$type")
    id: GoogleDriveId

    def __str__(self) -> str:
        return f"Google Drive file {self.id}"


class BundledSource(Section):
    """A file that is shipped beside the descriptor; ``path`` is relative to the descriptor's folder."""

    type: Literal["bundled"] = Field(alias="$type")
    path: RelativePath

    def __str__(self) -> str:
        return f"bundled file {self.path}"


class HuggingFaceSource(Section):
    """A file of a model repository on the Hugging Face Hub, or on the mirror that ``HF_ENDPOINT`` names."""

    type: Literal["huggingface"] = Field(alias="$type")
    repo: HubRepository
    revision: HubRevision = "main"
    filename: RelativePath

    def __str__(self) -> str:
        return f"Hugging Face {self.repo}@{self.revision} {self.filename}"


def _plain_url(value: Any) -> Any:  # noqa: ANN401 - this is where untyped YAML comes in
    return {"$type": "http", "url": value} if isinstance(value, str) else value


AnySource = HttpSource | GoogleDriveSource | BundledSource | HuggingFaceSource
Source = Annotated[
    Annotated[AnySource, Field(discriminator="type")],
    BeforeValidator(_plain_url),
]


def _as_list(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


Sources = Annotated[list[Source], Field(min_length=1), BeforeValidator(_as_list)]


class ModelFile(Section):
    """One file of a model: its name under the model's folder, size, digest and sources."""

    name: RelativePath
    size: Size
    sha256: Sha256 | None = None
    sha256_prefix: Sha256Prefix | None = None  # such as PyTorch's hub writes into the names of files
    checksum: Sha384 | None = None  # the later generation
    source: Sources
    # One descriptor of release 2023.3 spells the key "oroginal_source".
    original_source: Sources | None = Field(
        None, validation_alias=AliasChoices("original_source", "oroginal_source")
    )

    @model_validator(mode="after")
    def _has_digest(self) -> Self:
        if not self.digests:
            raise ValueError(
                "expected a 'checksum' (SHA-384), a 'sha256' or a 'sha256_prefix', in hexadecimal digits"
            )
        return self

    @property
    def sources(self) -> list[AnySource]:
        """All sources, in the order in which they are to be tried."""
        return [*self.source, *(self.original_source or [])]

    @property
    def digests(self) -> list[Digest]:
        """Every digest that the descriptor states, the stronger one first; all of them must hold."""
        stated = [("sha384", self.checksum), ("sha256", self.sha256)]
        digests = [Digest(algorithm, digits) for algorithm, digits in stated if digits]
        if self.sha256_prefix:
            digests.append(Digest("sha256", self.sha256_prefix, is_prefix=True))
        return digests

    @property
    def known_digits(self) -> int | None:
        """How many digits of a SHA-256 are all that the file can be checked by; None if a whole digest is known."""
        digests = self.digests
        return len(digests[0].hexdigest) if digests[0].is_prefix else None
