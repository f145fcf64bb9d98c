"""Write a bundle; what is in it, see :mod:`omz.downloader.bundle`. The same content gives the same bytes."""

from __future__ import annotations

import io
import logging
import tarfile
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from omz.downloader.bundle import MANIFEST, Manifest, PackedFile, PackedModel
from omz.downloader.download import selected_files
from omz.downloader.files import require_space
from omz.downloader.hashes import CACHE_ALGORITHM, CHUNK_BYTES, Digester, is_whole
from omz.downloader.pool import CancelToken
from omz.downloader.progress import Reporter
from omz.errors import DownloadError
from omz.files import read_bounded, whole_file, writing
from omz.outgoing import json_text
from omz.regular_files import open_regular
from omz.zoo.catalogue import COMPOSITE_FILE, MODEL_FILE, packaged_root
from omz.zoo.schema import CompositeModel, Model

log = logging.getLogger(__name__)

MAX_TEXT_BYTES = 16 << 20  # of a descriptor, a list of classes or a licence
#: What may lie beside a descriptor.
COMPANIONS = ("accuracy-check.yml", "README.md")


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
    manifest = Manifest(format="omz-bundle", version=1, models=packed).model_dump()
    with writing(target, DownloadError):
        target.parent.mkdir(parents=True, exist_ok=True)
    require_space(target.parent, sum(file.size for model in packed for file in model.files))
    with (
        whole_file(target, DownloadError) as out,
        tarfile.TarFile(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, copybufsize=CHUNK_BYTES) as archive,
    ):
        content = json_text(manifest, indent=1, sort_keys=True) + "\n"
        _add_bytes(archive, MANIFEST, content.encode())
        for name in sorted(texts):
            _add_bytes(archive, f"licenses/{name}", texts[name])
        for name, path in sorted(_descriptors(ordered).items()):
            descriptor = read_bounded(path, MAX_TEXT_BYTES, "descriptor", DownloadError)
            _add_bytes(archive, f"models/{name}", descriptor)
        for model in packed:
            _add_files(archive, model, originals[PurePosixPath(model.subdirectory)], reporter, cancel)


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
        with open_regular(path) as stream:
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
    """Return the descriptors and what lies beside them, by their names below ``models/``."""
    paths = {}
    for model in models:
        paths[str(model.subdirectory / MODEL_FILE)] = model.directory / MODEL_FILE
        labels = model.model_info.labels
        for name in [*COMPANIONS, *([labels] if isinstance(labels, str) else [])]:
            if (model.directory / name).is_file():
                paths[str(model.subdirectory / name)] = model.directory / name
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
        with open_regular(path) as stream:
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
