"""Bundles: verified files of models in one tar, for machines without a network.

Members, in this order; the same content gives the same bytes:

- ``omz-bundle.json``: the manifest, see :class:`Manifest`;
- ``licenses/<file>``: the texts of the licences that the descriptors name;
- ``models/<subdirectory>/``: the descriptors (``model.yml``, ``composite-model.yml``), each with its
  ``accuracy-check.yml``, its page and its list of classes, as a models folder;
- ``files/<subdirectory>/<file>``: the files as they were downloaded, laid out as a mirror.

A bundle is no more trusted than a server: what is installed is what the descriptors of the machine's own catalogue
promise, by size and digest. Those in the bundle are for people, who may unpack them and say ``--models_root``.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omz.downloader.archive_members import Names, require_plain_member
from omz.downloader.hashes import CACHE_ALGORITHM, CHUNK_BYTES, Digester
from omz.downloader.sources import MemberSource
from omz.downloader.tar_headers import bounded_headers
from omz.errors import DownloadError, UsageError
from omz.regular_files import open_regular
from omz.zoo.catalogue import COMPOSITE_FILE, MODEL_FILE
from omz.zoo.fields import RelativePath, Sha384
from omz.zoo.model_files import AnySource, BundledSource, ModelFile
from omz.zoo.schema import CompositeModel, Model

MANIFEST = "omz-bundle.json"
MAX_MANIFEST_BYTES = 8 << 20
MAX_MEMBERS = 20_000


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PackedFile(_Entry):
    """A file at ``files/<subdirectory of the model>/<name>``."""

    name: RelativePath
    size: Annotated[int, Field(ge=0, lt=1 << 50)]
    sha384: Sha384


class PackedModel(_Entry):
    """A model; ``license`` says where its licence is, ``license_file`` which text in ``licenses/`` it is, if any."""

    name: str
    subdirectory: RelativePath
    license: str
    license_file: RelativePath | None
    files: list[PackedFile]


class Manifest(_Entry):
    """What a bundle says that it holds."""

    format: Literal["omz-bundle"]
    version: Literal[1]
    models: Annotated[list[PackedModel], Field(min_length=1)]


class Bundle:
    """A bundle to install from; its own statements are looked at, and not believed.

    Args:
        path: The tar. It must stay as it is while files are installed.

    Raises:
        DownloadError: It is no bundle, or a hostile one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        #: Offset and size by name.
        self._members: dict[str, tuple[int, int]] = {}
        self._stated: dict[str, PackedFile] = {}
        try:
            with open_regular(path) as stream:
                self._scan(stream)
                self._manifest = self._read_manifest(stream)
        # tarfile raises ValueError and RecursionError on some headers.
        except (tarfile.TarError, OSError, ValueError, RecursionError, EOFError) as error:
            raise DownloadError(
                f"{path}: is no bundle: {error}. Bundles are plain tars that `omz bundle` makes."
            ) from error
        self._check_manifest()

    def models(self, catalogue: Sequence[Model | CompositeModel], root: Path) -> list[Model | CompositeModel]:
        """Return the models of a catalogue that are in the bundle.

        Raises:
            UsageError: One of them is not in the catalogue, which is at ``root``.
        """
        stages: dict[str, Model] = {
            str(stage.subdirectory): stage for model in catalogue for stage in model.stages
        }
        unknown = sorted({packed.subdirectory for packed in self._manifest.models} - stages.keys())
        if unknown:
            raise UsageError(
                f"{self._path}: no descriptor of {', '.join(unknown)} in {root}.\nIf you trust the bundle, unpack its "
                f"descriptors with `tar -xf {self._path} models` and add `--models_root models`; or say with --name "
                "which models you want."
            )
        return [stages[packed.subdirectory] for packed in self._manifest.models]

    def sources(self, model: Model, file: ModelFile) -> list[AnySource]:
        """Return where a file is: in the bundle, or beside its descriptor.

        Raises:
            DownloadError: In neither, or what the bundle has under this name is another file.
        """
        name = f"files/{model.subdirectory / file.name}"
        if name in self._members:
            offset, size = self._members[name]
            self._check_digest(name, offset, size, file.checksum)
            return [MemberSource.model_construct(path=name, archive=self._path, offset=offset, size=size)]
        if shipped := [source for source in file.sources if isinstance(source, BundledSource)]:
            return [*shipped]
        raise DownloadError(
            f"{self._path.name} does not hold {name}. Make a bundle with --name {model.name}."
        )

    def _scan(self, stream: BinaryIO) -> None:
        """Find the members, and refuse all that `omz bundle` does not write."""
        end = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        names = Names(self._path.name)
        with tarfile.open(fileobj=stream, mode="r:", tarinfo=bounded_headers(end)) as archive:
            for member in archive:
                require_plain_member(member, archive, names)
                path = names.checked(member.name, is_folder=member.isdir())
                if member.isdir():
                    continue
                if path.parts[0] not in ("licenses", "models", "files") and str(path) != MANIFEST:
                    raise names.refusal(member.name, "does not belong into a bundle")
                if member.offset_data + member.size > end:
                    raise names.refusal(member.name, "is truncated")
                self._members[str(path)] = member.offset_data, member.size
                if len(self._members) > MAX_MEMBERS:
                    raise DownloadError(f"{self._path}: holds more than {MAX_MEMBERS} members")

    def _read_manifest(self, stream: BinaryIO) -> Manifest:
        offset, size = self._members.get(MANIFEST, (0, 0))
        if not 0 < size <= MAX_MANIFEST_BYTES:
            raise ValueError(f"there is no {MANIFEST} in it, or an odd one")
        stream.seek(offset)
        try:
            return Manifest.model_validate(json.loads(stream.read(size)))
        except ValidationError as error:
            worst = error.errors(include_url=False)[0]
            where = ".".join(map(str, worst["loc"]))[:80]
            raise ValueError(f"{MANIFEST}: {where}: {worst['msg']}") from error

    def _check_manifest(self) -> None:
        """Refuse a manifest that is not true to the members: it must tell all of them, and none besides."""
        models = self._manifest.models
        entries = [
            (f"files/{model.subdirectory}/{file.name}", file) for model in models for file in model.files
        ]
        self._stated = dict(entries)
        if len(self._stated) < len(entries) or len({model.subdirectory for model in models}) < len(models):
            raise DownloadError(f"{self._path}: {MANIFEST} tells a model or a file twice")
        self._agree(
            {name: file.size for name, file in self._stated.items()},
            {name: size for name, (_, size) in self._members.items() if name.startswith("files/")},
        )
        licences = {f"licenses/{model.license_file}" for model in models if model.license_file}
        self._agree(
            dict.fromkeys(licences), dict.fromkeys(n for n in self._members if n.startswith("licenses/"))
        )
        folders = {PurePosixPath("models", model.subdirectory) for model in models}
        descriptors = {str(folder / MODEL_FILE) for folder in folders}
        beside = {str(folder.parent / COMPOSITE_FILE) for folder in folders}
        there = {name for name in self._members if name.startswith("models/")}
        belong = {name for name in there if PurePosixPath(name).parent in folders or name in beside}
        self._agree(dict.fromkeys(descriptors | belong), dict.fromkeys(there))

    def _agree(self, stated: Mapping[str, int | None], present: Mapping[str, int | None]) -> None:
        if stated != present:
            odd = sorted({name for name, _ in stated.items() ^ present.items()})[0]
            raise DownloadError(f"{self._path}: {MANIFEST} and the members do not agree on {odd!r}")

    def _check_digest(self, name: str, offset: int, size: int, known: str | None) -> None:
        """Check the manifest's digest of a file: by the descriptor's, which is checked next, or else by the file."""
        found = known
        if not found:
            digester = Digester([CACHE_ALGORITHM])
            with open_regular(self._path) as stream:
                stream.seek(offset)
                while size and (chunk := stream.read(min(size, CHUNK_BYTES))):
                    digester.update(chunk)
                    size -= len(chunk)
            found = digester.hexdigest(CACHE_ALGORITHM)
        if found != self._stated[name].sha384:
            raise DownloadError(
                f"{self._path}: {MANIFEST} gives {name!r} another SHA-384 than "
                f"{'the descriptor' if known else 'it has'}. Is the bundle of other models, or damaged?"
            )
