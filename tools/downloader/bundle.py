"""Bundles: verified files of models in one tar, for machines without a network.

Members, in this order; the same content gives the same bytes:

- ``omz-bundle.json``: the manifest, see :class:`Manifest`;
- ``licenses/<file>``: the texts of the licences that the descriptors name;
- ``models/<subdirectory>/model.yml``: the descriptors (and ``composite-model.yml``), as a models folder;
- ``files/<subdirectory>/<file>``: the files as they were downloaded, laid out as a mirror.

A bundle is no more trusted than a server: what is installed is what the descriptors of the machine's own catalogue
promise, by size and digest. Those in the bundle are for people, who may unpack them and say ``--models_root``.
"""

from __future__ import annotations

import io
import json
import logging
import tarfile
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omz.downloader.archives import BoundedTarInfo, Names, require_plain_member
from omz.downloader.download import selected_files
from omz.downloader.files import require_space
from omz.downloader.hashes import CACHE_ALGORITHM, CHUNK_BYTES, Digester, is_whole
from omz.downloader.pool import CancelToken
from omz.downloader.progress import Reporter
from omz.downloader.sources import MemberSource
from omz.errors import DownloadError, UsageError
from omz.files import read_bounded, whole_file, writing
from omz.zoo.catalogue import COMPOSITE_FILE, MODEL_FILE, packaged_root
from omz.zoo.fields import RelativePath, Sha384
from omz.zoo.model_files import AnySource, BundledSource, ModelFile
from omz.zoo.schema import CompositeModel, Model

log = logging.getLogger(__name__)

MANIFEST = "omz-bundle.json"
MAX_MANIFEST_BYTES = 8 << 20
MAX_MEMBERS = 20_000
MAX_TEXT_BYTES = 1 << 20  # of a descriptor or a licence


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

    format: Literal["omz-bundle"] = "omz-bundle"
    version: Literal[1] = 1
    models: list[PackedModel]


def pack(
    models: Sequence[Model | CompositeModel],
    download_dir: Path,
    target: Path,
    *,
    precisions: Collection[str],
    reporter: Reporter,
    cancel: CancelToken,
) -> None:
    """Write a bundle.

    Args:
        models: What to pack; composite models with all their stages.
        download_dir: The folder that the models were downloaded to.
        target: The bundle; appears whole or not at all.
        precisions: Files of other precisions are left out.
        reporter: Told about the progress.
        cancel: Looked at after every chunk.

    Raises:
        DownloadError: A file is not there or not whole, or the bundle cannot be written.
    """
    stages = {stage.subdirectory: stage for model in models for stage in model.stages}
    ordered = [stages[place] for place in sorted(stages)]
    originals = {stage.subdirectory: _originals(stage, precisions, download_dir, cancel) for stage in ordered}
    texts = {
        name: text for stage in ordered if (name := _license_file(stage)) and (text := _license(name, stage))
    }
    packed = [_packed(stage, originals[stage.subdirectory], texts, cancel) for stage in ordered]
    manifest = Manifest(models=packed).model_dump()
    with writing(target, DownloadError):
        target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, sum(file.size for model in packed for file in model.files))
    with (
        whole_file(target, DownloadError) as out,
        tarfile.TarFile(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, copybufsize=CHUNK_BYTES) as archive,
    ):
        content = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        _add_bytes(archive, MANIFEST, content.encode())
        for name in sorted(texts):
            _add_bytes(archive, f"licenses/{name}", texts[name])
        for name, path in sorted(_descriptors(ordered).items()):
            descriptor = read_bounded(path, MAX_TEXT_BYTES, "descriptor", DownloadError)
            _add_bytes(archive, f"models/{name}", descriptor)
        for model in packed:
            _add_files(archive, model, originals[PurePosixPath(model.subdirectory)], reporter, cancel)


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
        try:
            with path.open("rb") as stream:
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
        with tarfile.open(fileobj=stream, mode="r:", tarinfo=BoundedTarInfo) as archive:
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
        """Refuse a manifest that is not true to the members."""
        stated = {
            f"files/{model.subdirectory}/{file.name}": file.size
            for model in self._manifest.models
            for file in model.files
        }
        present = {name: size for name, (_, size) in self._members.items() if name.startswith("files/")}
        if stated != present:
            odd = sorted(dict(stated.items() ^ present.items()))[0]
            raise DownloadError(f"{self._path}: {MANIFEST} and the members do not agree on {odd!r}")


def _originals(
    model: Model, precisions: Collection[str], download_dir: Path, cancel: CancelToken
) -> dict[str, Path]:
    """Return where each file is as it was downloaded, whole, sorted by name."""
    folder, found = download_dir / model.subdirectory, {}
    for file in sorted(selected_files(model, precisions), key=lambda file: file.name):
        places = (folder / model.stored_name(file), folder / file.name)
        path = next((place for place in places if is_whole(place, file, cancel)), None)
        if path is None:
            raise DownloadError(
                f"{folder / file.name}: is not there, or not whole. "
                f"Run `omz_downloader --name {model.name} -o {download_dir}` first."
            )
        found[file.name] = path
    return found


def _packed(
    model: Model, originals: Mapping[str, Path], texts: Collection[str], cancel: CancelToken
) -> PackedModel:
    entries = []
    for name, path in originals.items():
        digester = Digester([CACHE_ALGORITHM])
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                cancel.check()
                digester.update(chunk)
            size = stream.tell()
        entries.append(PackedFile(name=name, size=size, sha384=digester.hexdigest(CACHE_ALGORITHM)))
    license_file = _license_file(model)
    return PackedModel(
        name=model.name,
        subdirectory=str(model.subdirectory),
        license=model.license,
        license_file=license_file if license_file in texts else None,
        files=entries,
    )


def _license_file(model: Model) -> str | None:
    return model.specification.license_file if model.specification else None


def _descriptors(models: Sequence[Model]) -> dict[str, Path]:
    paths = {}
    for model in models:
        paths[str(model.subdirectory / MODEL_FILE)] = model.directory / MODEL_FILE
        if model.composite_model_name:
            composite = model.subdirectory.parent / COMPOSITE_FILE
            paths[str(composite)] = model.directory.parent / COMPOSITE_FILE
    return paths


def _license(name: str, model: Model) -> bytes | None:
    """Return the text of a licence: of a checkout, an installed toolkit, or beside another models folder."""
    root = model.directory.parents[len(PurePosixPath(model.subdirectory).parts) - 1]
    places = [folder.parent / "licenses" / name for folder in (root, packaged_root())]
    try:
        shipped = metadata.distribution("omz-toolkit").files or []
    except metadata.PackageNotFoundError:
        shipped = []
    places += [
        Path(str(file.locate())) for file in shipped if str(file).endswith(f"/licenses/licenses/{name}")
    ]
    for path in places:
        if path.is_file():
            return read_bounded(path, MAX_TEXT_BYTES, "licence", DownloadError)
    log.warning("%s: there is no text of its licence %s here; see %s", model.name, name, model.license)
    return None


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return a header in which nothing tells who made it, or when."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_member(name, len(content)), io.BytesIO(content))


def _add_files(
    archive: tarfile.TarFile,
    model: PackedModel,
    originals: Mapping[str, Path],
    reporter: Reporter,
    cancel: CancelToken,
) -> None:
    successful = False
    reporter.model_begin(model.name, len(model.files))
    try:
        for file in model.files:
            _add_file(archive, model, file, originals[file.name], reporter, cancel)
        successful = True
    finally:
        reporter.model_end(model.name, successful=successful)


def _add_file(
    archive: tarfile.TarFile,
    model: PackedModel,
    file: PackedFile,
    path: Path,
    reporter: Reporter,
    cancel: CancelToken,
) -> None:
    successful = False
    reporter.file_begin(model.name, file.name, file.size)
    try:
        with path.open("rb") as stream:
            content = _Watched(stream, model.name, file.name, reporter, cancel)
            info = _member(f"files/{model.subdirectory}/{file.name}", file.size)
            archive.addfile(info, content)  # type: ignore[arg-type]  # only its `read` is used
        if content.hexdigest != file.sha384:
            raise DownloadError(f"{path}: has changed while it was being packed")
        successful = True
    finally:
        reporter.file_end(model.name, file.name, successful=successful)


class _Watched:
    """A file that is being packed: its digest is counted, and its progress told."""

    def __init__(
        self, stream: BinaryIO, model: str, file: str, reporter: Reporter, cancel: CancelToken
    ) -> None:
        self._stream, self._cancel, self._reporter = stream, cancel, reporter
        self._model, self._file = model, file
        self._digester, self._done = Digester([CACHE_ALGORITHM]), 0

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        self._cancel.check()
        data = self._stream.read(size)
        self._digester.update(data)
        self._done += len(data)
        self._reporter.file_progress(self._model, self._file, self._done)
        return data

    @property
    def hexdigest(self) -> str:
        """The digest of what has been read."""
        return self._digester.hexdigest(CACHE_ALGORITHM)
