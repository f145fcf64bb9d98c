"""Downloads as a function: names of models -> folders with their verified files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omz.errors import DownloadError
from omz.zoo import catalogue
from omz.zoo.selection import select

if TYPE_CHECKING:
    from omz.downloader.progress import Reporter


def download(
    names: str | Sequence[str],
    folder: str | Path = ".",
    *,
    precisions: Collection[str] | None = None,
    models_root: str | Path | None = None,
    cache_dir: str | Path | None = None,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Download models of the zoo, each file verified by size and digest. What is there already is not fetched again.

    Args:
        names: A name or a pattern such as ``se-*``, or several.
        folder: Each model goes to its own place below, such as ``public/se-resnext-50``.
        precisions: Of models that are published as IRs, the precisions wanted; all by default.
        models_root: Folder of descriptors; ``OMZ_MODELS_ROOT`` or the toolkit's own by default.
        cache_dir: A cache of files in Open Model Zoo's layout, made if missing.
        jobs: How many files are on their way at once.
        reporter: Told about the progress.

    Returns:
        The folders of the models (and stages) in the order of the names.

    Raises:
        UsageError: A name matches no model; the nearest ones are told.
        DownloadError: A model could not be fetched, after all others were; says why.
    """
    from omz.downloader.download import download_models

    root = Path(models_root) if models_root is not None else catalogue.default_root()
    models = select(catalogue.load_all(root), [names] if isinstance(names, str) else names)
    failures: list[str] = []
    download_models(
        models,
        Path(folder),
        precisions=precisions,
        cache_dir=Path(cache_dir) if cache_dir is not None else None,
        jobs=jobs,
        reporter=reporter,
        on_failure=lambda model, what, _: failures.append(f"{model}: {what}"),
    )
    if failures:
        others = f" ({len(failures) - 1} other models failed, too)" if len(failures) > 1 else ""
        raise DownloadError(f"{failures[0]}{others}")
    return [Path(folder) / stage.subdirectory for model in models for stage in model.stages]
