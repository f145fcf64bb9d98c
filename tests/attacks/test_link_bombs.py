"""Archives of 14 to 30 kB whose links multiply: folders of links to folders of links, unpacked after a download."""

from __future__ import annotations

import gzip

import pytest
from attacks.attack import Attack
from attacks.models import describe, file_entry
from downloader.test_archive_links import make_tar
from downloader.test_link_bombs import copies, deep, fans, hard, ring, row


@pytest.mark.parametrize("bomb", [copies, deep, fans, hard, ring, row])
def test_links_that_multiply(attack: Attack, bomb) -> None:  # type: ignore[no-untyped-def]
    packed = gzip.compress(make_tar(bomb(2000)), mtime=0)
    source = {"$type": "bundled", "path": "net.tar.gz"}
    step = {"$type": "unpack_archive", "file": "net.tar.gz", "format": "gztar"}
    path = describe(
        attack.folder, "net", [file_entry("net.tar.gz", packed, source)], postprocessing=[step],
        framework="dldt", model_optimizer_args=None,
    )  # fmt: skip
    (path.parent / "net.tar.gz").write_bytes(packed)
    outcome = attack.run("omz_downloader", "--all", "--models_root", "zoo", "-o", "files")
    print(outcome.err)
    assert outcome.status == 1
    assert "net.tar.gz" in outcome.err
    assert outcome.seconds < 5, f"{outcome.seconds:.1f} s of the processor"  # of them one to start
    assert not list(attack.folder.glob("files/**/d0"))
