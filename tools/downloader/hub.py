"""Where a file of the Hugging Face Hub is: the address to ask and the headers to send, or a copy in the Hub's cache.

The package huggingface_hub, an extra of ours, knows the Hub's settings: ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN``
(or the token that ``hf auth login`` left), ``HF_HUB_OFFLINE``. The transfer is our own, so that the file is checked
while it streams and appears whole or not at all, as from every other source; the Hub's cache is read, never written.
"""

from __future__ import annotations

import re
from pathlib import Path

from omz.downloader.faults import SourceError
from omz.zoo.model_files import HuggingFaceSource

INSTALL = "pip install 'omz-toolkit[huggingface]'"
_COMMIT = re.compile("[0-9a-f]{40}")


def cached_file(source: HuggingFaceSource) -> Path | None:
    """Return the copy of a file in the Hub's cache, if it may be used in place of asking.

    It may where the network is not to be used, and where the revision is a commit: branches and tags move.

    Raises:
        SourceError: huggingface_hub is not installed, or the file is not in the cache and we are to stay offline.
    """
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ImportError:
        raise SourceError(f"needs the package huggingface_hub; install it with: {INSTALL}") from None
    if not constants.HF_HUB_OFFLINE and not _COMMIT.fullmatch(source.revision):
        return None
    found = try_to_load_from_cache(source.repo, source.filename, revision=source.revision)
    if isinstance(found, str):
        return Path(found)
    if constants.HF_HUB_OFFLINE:
        raise SourceError("is not in the cache of the Hub, and HF_HUB_OFFLINE is set")
    return None


def request(source: HuggingFaceSource) -> tuple[str, dict[str, str]]:
    """Return the address of a file and the headers that the Hub wants, a token among them if there is one."""
    from huggingface_hub import constants, get_token, hf_hub_url

    url = hf_hub_url(source.repo, source.filename, revision=source.revision)
    # Not build_hf_headers: to fill in its User-Agent, it may ask the Hub further questions.
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return url, {"Authorization": f"Bearer {token}"} if token else {}
