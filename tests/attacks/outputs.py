"""Every output of every command, on a disk that takes no more: what is there afterwards, and what was said of it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import yaml
from downloader.loopback import Loopback

import omz.models
from nets import onnx_nets
from nets.tiny_classifier import build, draw_picture

MODELS = Path(next(iter(omz.models.__path__)))
SAMPLE = "se-resnext-digits"
OLD = b"what was there before"
FRAMES = 40
#: What waits for the next run, which goes on with it.
RESUMED = re.compile(r"(.*/)?\.[^/]*\.part|.*\.jsonl")


@dataclass(frozen=True)
class Case:
    """A command and what it writes.

    Attributes:
        words: The command; ``{in}`` stands for the folder of the inputs, ``{out}`` for that on the full disk.
        varying: Patterns of outputs that are not the same bytes each time: they hold times or random numbers.
        start: A folder of the inputs that is on the disk before.
        reference: What it writes on a disk with room; see :func:`learn`.
    """

    words: str
    varying: tuple[str, ...] = ()
    start: str = ""
    reference: dict[str, bytes] = field(default_factory=dict)


DEMO = "classification_demo -m {in}/tiny.xml --no_show --quiet"
IR = f"--name {SAMPLE} --models_root {MODELS}"
CASES = {
    "video.avi": Case(f"{DEMO} -i {{in}}/clip.avi -o {{out}}/v.avi"),
    "video.mkv": Case(f"{DEMO} -i {{in}}/clip.avi -o {{out}}/v.mkv", ("v.mkv",)),
    "video.mp4": Case(f"{DEMO} -i {{in}}/clip.avi -o {{out}}/v.mp4", ("v.mp4",)),
    "video and report": Case(
        f"{DEMO} -i {{in}}/clip.avi -o {{out}}/deep/er/v.mkv --json {{out}}/v.json", ("v.mkv", "v.json")
    ),
    "one picture": Case(f"{DEMO} -i {{in}}/pictures/p3.png -o {{out}}/p.png"),
    "numbered pictures": Case(f"{DEMO} -i {{in}}/clip.avi -o {{out}}/p_%03d.jpg"),
    "folder of pictures": Case(f"{DEMO} -i {{in}}/pictures -o {{out}}/folder"),
    "demo's report": Case(f"{DEMO} -i {{in}}/clip.avi --json {{out}}/report.json", ("report.json",)),
    "benchmark": Case(
        "classification_benchmark_demo -m {in}/tiny.xml -i {in}/pictures --no_show --quiet -time 0.05 "
        "-o {out}/grid.png --json {out}/report.json", ("grid.png", "report.json"),
    ),
    "accuracy": Case(
        f"accuracy_check {IR} -m {{in}}/ir --precisions FP16 --quiet --json {{out}}/a.json --csv {{out}}/a.csv "
        "--predictions {out}/p.csv", ("a.json", "a.csv"),
    ),
    "accuracy's answers so far": Case(
        f"accuracy_check {IR} -m {{in}}/ir --precisions FP16 --quiet --resume {{out}}/so-far --json {{out}}/a.json",
        ("a.json",),
    ),
    "report": Case(
        f"omz report {IR} -m {{in}}/ir --precisions FP16 -time 0.02 --subsample 20 --quiet -o {{out}}/r.html",
        ("r.html",),
    ),
    "pages": Case("omz pages --name squeezenet1.0,squeezenet1.1,alexnet --models_root {out}/zoo --quiet", start="zoo"),
    "add": Case(
        "omz add --name net --force --models_root {out}/mine -m {in}/net.onnx --output prob --quiet "
        "--json {out}/added.json",

    ),
    "caffe2ir": Case(
        f"caffe2ir -m {MODELS}/samples/{SAMPLE}/{SAMPLE}.caffemodel -d {MODELS}/samples/{SAMPLE}/{SAMPLE}.prototxt "
        "-o {out}/ir -n net"
    ),
    "onnx2ir": Case("onnx2ir -m {in}/net.onnx -o {out}"),
    "convert": Case(f"omz_converter {IR} -d {{in}}/files -o {{out}}/ir --quiet"),
    "quantize": Case(
        f"omz_quantizer {IR} --model_dir {{in}}/ir -o {{out}}/ir --precisions FP16-INT8 --subset_size 4 --quiet "
        "--json {out}/q.json", ("q.json",),
    ),
    "bundled files": Case(f"omz_downloader {IR} -o {{out}}/files --quiet"),
    "download": Case("omz_downloader --name net --models_root {in}/far -o {out}/files --quiet"),
    "download with a cache": Case(
        "omz_downloader --name net --models_root {in}/far -o {out}/files --cache_dir {out}/cache --quiet"
    ),
    "bundle": Case(f"omz bundle {IR} -d {{in}}/files -o {{out}}/b.tar --quiet"),
    "from a bundle": Case(f"omz_downloader {IR} --from_bundle {{in}}/b.tar -o {{out}}/files --quiet"),
    "info": Case(f"omz info {IR} --model_dir {{in}}/ir --precisions FP16 --json {{out}}/i.json --quiet"),
    "dump": Case("omz_info_dumper --all --json {out}/d.json"),
    "quickstart": Case(
        "omz quickstart -o {out}/q -time 0.02", ("report.html", "classified.png", "*-INT8/*")
    ),
}  # fmt: skip


def make_inputs(folder: Path, server: Loopback) -> Path:
    """Make what the commands read."""
    build(folder / "tiny.xml")
    (folder / "pictures").mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"pictures/p{number}.png"), draw_picture(number, 90, 120))
    writer = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (120, 90))
    for number in range(FRAMES):
        writer.write(draw_picture(100 + number))
    writer.release()
    onnx_nets.write(onnx_nets.classifier(), folder / "net.onnx")
    for name in ("squeezenet1.0", "squeezenet1.1", "alexnet"):
        shutil.copytree(MODELS / "public" / name, folder / "zoo/public" / name)
        (folder / "zoo/public" / name / "README.md").unlink()
    from downloader.conftest import described

    body = bytes(range(256)) * 1000
    (folder / "far/public/net").mkdir(parents=True)
    content = {
        "description": "A net.",
        "task_type": "classification",
        "files": [
            described(f"{n}.bin", body * (n + 1), server.serve(f"/{n}", body * (n + 1))) for n in range(2)
        ],
        "framework": "caffe",
        "license": "https://example.com/licence",
        "model_optimizer_args": ["--input=data"],
    }
    (folder / "far/public/net/model.yml").write_text(yaml.safe_dump(content))
    for line in (
        f"omz_downloader {IR} -o {{in}}/files",
        f"omz_converter {IR} -d {{in}}/files -o {{in}}/ir",
        f"omz bundle {IR} -d {{in}}/files -o {{in}}/b.tar",
    ):
        done = run(line, folder, folder)
        assert done.returncode == 0, done.stderr
    return folder


def filled_in(line: str, inputs: Path, output: Path) -> list[str]:
    """Return the words of a case's command."""
    words = [word.replace("{in}", str(inputs)).replace("{out}", str(output)) for word in line.split()]
    return [str(Path(sysconfig.get_path("scripts")) / words[0]), *words[1:]]


def run(
    line: str,
    inputs: Path,
    output: Path,
    limit: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command; ``limit`` is the size that no file may exceed."""
    words = filled_in(line, inputs, output)
    bound = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)) if limit is not None else None
    return subprocess.run(
        words, capture_output=True, text=True, errors="replace", check=False, preexec_fn=bound, cwd=inputs,
        env={**os.environ, "NO_PROXY": "*", **(environment or {})}, timeout=300,
    )  # fmt: skip


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[int | None], None]]:
    """Mount a disk; gives what sets how much room there is on it, in bytes. None: plenty.

    Raises:
        PermissionError: Nobody but root may mount.
    """
    mount = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PermissionError("there is no mount command") from error
    if done.returncode:
        raise PermissionError(f"a tmpfs cannot be mounted: {done.stderr.strip()}")

    def leave_room(size: int | None) -> None:
        facts = os.statvfs(folder)
        used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize
        whole = 1 << 30 if size is None else max(4096, used + size // 4096 * 4096)
        subprocess.run(["mount", "-o", f"remount,size={whole}", str(folder)], check=True)

    try:
        yield leave_room
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def prepare(case: Case, inputs: Path, output: Path, *, old: bool = False) -> None:
    """Empty the output folder, and put there what is there before: with ``old``, also a file in each output's place."""
    for each in output.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    if case.start:
        shutil.copytree(inputs / case.start, output / case.start)
    if old:
        for name in case.reference:
            if not (output / name).exists():
                (output / name).parent.mkdir(parents=True, exist_ok=True)
                (output / name).write_bytes(OLD)


def contents(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


def learn(case: Case, inputs: Path, output: Path) -> None:
    """Run the command with room enough, and keep what it writes."""
    prepare(case, inputs, output)
    done = run(case.words, inputs, output)
    assert done.returncode == 0, done.stderr
    case.reference.update(contents(output))
    assert case.reference


def faults(
    case: Case, done: subprocess.CompletedProcess[str], output: Path, before: dict[str, bytes]
) -> list[str]:
    """Return what is wrong with what a command left and said."""
    found, wrong = contents(output), []
    if done.returncode not in (0, 1):
        wrong.append(f"exit status {done.returncode}")
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if "Traceback" in done.stderr or "internal error" in done.stderr:
        wrong.append("defect of ours")
    if done.returncode == 1 and not lines:
        wrong.append("nothing said")
    for name, expected in case.reference.items():
        content = found.pop(name, None)
        if content == expected and name not in before:
            continue
        if content is None or content == before.get(name):
            if done.returncode == 0 and content != expected:
                wrong.append(f"{name}: {'not there' if content is None else 'as it was before'}")
        elif content != expected and not (_varies(case, name) and _is_whole(output / name, expected)):
            wrong.append(f"{name}: {len(content)} bytes of {len(expected)}")
    for name in found:
        if name not in before and not (done.returncode and RESUMED.fullmatch(name)):
            wrong.append(f"{name}: left behind")
    return wrong


def _varies(case: Case, name: str) -> bool:
    return any(Path(name).match(pattern) for pattern in case.varying)


def _is_whole(path: Path, expected: bytes) -> bool:
    """Tell whether a file is whole, by means of others than ours."""
    content = path.read_bytes()
    match path.suffix:
        case ".json":
            return list(json.loads(content)) == list(json.loads(expected))
        case ".csv":
            return len(list(csv.reader(io.StringIO(content.decode())))) == len(
                list(csv.reader(io.StringIO(expected.decode())))
            )
        case ".html":
            return content.rstrip().endswith(b"</html>")
        case ".png":
            return cv2.imread(str(path)) is not None and content.endswith(b"IEND\xaeB`\x82")
        case ".avi" | ".mkv" | ".mp4":
            video, frames = cv2.VideoCapture(str(path)), 0
            while video.read()[0]:
                frames += 1
            counted = video.get(cv2.CAP_PROP_FRAME_COUNT)
            return frames == FRAMES == counted and len(content) == len(expected)
        case ".xml" | ".bin":
            return abs(len(content) - len(expected)) < 1000
    return False
