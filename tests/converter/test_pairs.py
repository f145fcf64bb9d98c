"""The .xml and the .bin of an IR are one thing: whoever writes, dies, damages or mixes them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from nets import se_resnet, synthetic_weights, write_model
from omz import cli, convert
from omz.converter import pairs
from omz.converter.ir import write_ir
from omz.digests import CHUNK_BYTES
from omz.errors import ConversionError, InferenceError
from omz.inference.network import read_network

NET = se_resnet((1,), stem=8, width=8, size=32, classes=10)
#: Each makes another IR of the same net; the .bin has the same size with most of them.
SETTINGS = (
    ("--mean_values=[104,117,123]",),
    ("--mean_values=[103,117,123]",),
    ("--mean_values=[104,117,123]", "--scale_values=[58,57,57]"),
    ("--mean_values=[104,117,123]", "--reverse_input_channels"),
    ("--scale_values=[58,57,57]",),
    ("--mean_values=[104,117,123]", "--batch=-1"),
    ("--mean_values=[104,117,123]", "--disable_fusing"),
    ("--mean_values=[104,117,123]", "--compress_to_fp16=False"),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    return write_model(tmp_path_factory.mktemp("net"), NET, synthetic_weights(NET), name="net")


@pytest.fixture(scope="module")
def apart(files, tmp_path_factory) -> list[Path]:
    """The IR of each setting, made alone."""
    root = tmp_path_factory.mktemp("apart")
    xmls = []
    for number, setting in enumerate(SETTINGS):
        assert cli.main(["caffe2ir", *arguments(files, root / str(number)), *setting]) == 0
        xmls.append(root / str(number) / "net.xml")
    return xmls


def arguments(files: tuple[Path, Path], folder: Path) -> list[str]:
    proto, model = files
    return [
        f"--input_proto={proto}",
        f"--input_model={model}",
        f"--output_dir={folder}",
        "--model_name=net",
        "--quiet",
    ]


def contents(xml: Path) -> tuple[bytes, bytes]:
    return xml.read_bytes(), xml.with_suffix(".bin").read_bytes()


def mixed(one: Path, other: Path, folder: Path) -> Path:
    """Put the .xml of one IR beside the .bin of another."""
    folder.mkdir(exist_ok=True)
    shutil.copy(one, folder / "net.xml")
    shutil.copy(other.with_suffix(".bin"), folder / "net.bin")
    return folder / "net.xml"


def answer(xml: Path) -> np.ndarray:
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 32, 32)).astype(np.float32)
    return next(iter(ov.Core().compile_model(read_network(ov.Core(), xml), "CPU")(picture).values()))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stated(xml: Path) -> dict[str, str]:
    model = ov.Core().read_model(xml)
    text = model.get_rt_info(["omz", "weights"]).astype(str)
    return dict(part.split(":") for part in text.split(" "))


class TestWhatIsStated:
    @pytest.mark.parametrize("number", [0, 7])
    def test_of_a_conversion(self, apart, number):
        xml, weights = contents(apart[number])
        entry = stated(apart[number])
        assert entry["bytes"] == str(len(weights))
        assert entry["tree"] == sha256(hashlib.sha256(weights[:-32]).digest()) == weights[-32:].hex()
        last = len(weights) - 4096
        blocks = (weights[last * n // 15 : last * n // 15 + 4096] for n in range(16))
        assert entry["sample"] == sha256(b"".join(blocks))
        text = " ".join(f"{key}:{value}" for key, value in entry.items()).encode()
        assert xml.count(text) == 1
        assert entry["xml"] == sha256(xml.replace(text, b""))

    @pytest.mark.parametrize("size", [0, 1, 4096, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
    def test_of_any_size(self, tmp_path, size):
        xml, data = tmp_path / "net.xml", random.Random(size).randbytes(size)
        placeholder = pairs.placeholder()
        xml.write_text(f'<net><rt_info><omz><weights value="{placeholder}" /></omz></rt_info></net>')
        xml.with_suffix(".bin").write_bytes(data)
        pairs.seal(xml, placeholder)
        assert pairs.check_pair(xml, whole=True)
        chunks = [data[start : start + (4 << 20)] for start in range(0, size, 4 << 20)]
        tree = sha256(b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))
        assert xml.with_suffix(".bin").read_bytes() == data + bytes.fromhex(tree)

    def test_by_python_too_and_the_network_stays_as_it_is(self, files, apart, tmp_path):
        network = convert(*files, mean=[104, 117, 123], name="net")
        for folder in "ab":
            network.save(tmp_path / folder / "net.xml")
            assert not network.model.has_rt_info(["omz", "weights"])
        assert contents(tmp_path / "a/net.xml") == contents(tmp_path / "b/net.xml")
        assert contents(tmp_path / "a/net.xml")[1] == contents(apart[0])[1]
        assert pairs.check_pair(tmp_path / "a/net.xml", whole=True)

    def test_of_what_was_read_anew(self, apart, tmp_path):
        """As the quantizer does: it reads an IR, changes it and writes another."""
        model = read_network(ov.Core(), apart[7])
        write_ir(model, tmp_path / "net.xml", compress_to_fp16=True)
        assert pairs.check_pair(tmp_path / "net.xml", whole=True)
        assert int(stated(tmp_path / "net.xml")["bytes"]) < 0.6 * int(stated(apart[7])["bytes"])


class TestReaders:
    @pytest.mark.parametrize("one", range(len(SETTINGS)))
    def test_no_two_settings_go_together(self, apart, tmp_path, one):
        for other in range(len(SETTINGS)):
            xml = mixed(apart[one], apart[other], tmp_path / "ir")
            if contents(apart[one])[1] == contents(apart[other])[1]:
                read_network(ov.Core(), xml)  # they have their weights in common
            else:
                with pytest.raises(InferenceError, match=r"net\.bin: .* of one conversion"):
                    read_network(ov.Core(), xml)

    def test_one_weight_anywhere_makes_another(self, files, apart, tmp_path):
        """Nothing that is looked at without need differs, but the end."""
        weights = synthetic_weights(NET)
        layer, place = max(
            ((name, blobs[0].size) for name, blobs in weights.items() if blobs), key=lambda item: item[1]
        )
        changed = weights[layer][0].reshape(-1)
        changed[place // 2 + 7] += 0.25
        other = write_model(tmp_path / "other", NET, weights, name="net")
        assert cli.main(["caffe2ir", *arguments(other, tmp_path / "ir"), *SETTINGS[0]]) == 0
        one, two = contents(apart[0])[1], contents(tmp_path / "ir/net.xml")[1]
        assert len(one) == len(two)
        assert 0 < sum(a != b for a, b in zip(one[:-32], two[:-32], strict=True)) < 100
        for xml in (mixed(apart[0], tmp_path / "ir/net.xml", tmp_path / "x"),
                    mixed(tmp_path / "ir/net.xml", apart[0], tmp_path / "y")):  # fmt: skip
            with pytest.raises(InferenceError, match="of one conversion"):
                read_network(ov.Core(), xml)

    @pytest.mark.parametrize(
        "damage",
        [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"", lambda data: data[: len(data) // 2],
         lambda data: b"\xff" + data[1:], lambda data: data[:-1] + b"\0"],
    )  # fmt: skip
    def test_damage_that_costs_nothing_to_see(self, apart, tmp_path, damage):
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        weights = xml.with_suffix(".bin")
        weights.write_bytes(damage(weights.read_bytes()))
        with pytest.raises(InferenceError, match=r"net\.bin: .* Convert the model again"):
            read_network(ov.Core(), xml)

    def test_an_ir_that_others_wrote_anew_is_read_as_ever(self, apart, tmp_path):
        """Its .bin is theirs, though what we stated of ours is still in it."""
        model = ov.Core().read_model(apart[7])
        ov.save_model(model, tmp_path / "net.xml", compress_to_fp16=True)
        assert (tmp_path / "net.xml").read_bytes().count(b"tree:") == 1
        assert not pairs.check_pair(tmp_path / "net.xml")
        np.testing.assert_allclose(answer(tmp_path / "net.xml"), answer(apart[7]), atol=1e-3)

    def test_an_ir_that_others_wrote_anew_as_it_was(self, apart, tmp_path):
        """Its .xml is the same, and the .bin lacks the end alone."""
        ov.save_model(ov.Core().read_model(apart[0]), tmp_path / "net.xml", compress_to_fp16=False)
        assert contents(tmp_path / "net.xml")[1] == contents(apart[0])[1][:-32]
        np.testing.assert_allclose(answer(tmp_path / "net.xml"), answer(apart[0]), atol=1e-5)
        weights = tmp_path / "net.bin"
        weights.write_bytes(weights.read_bytes()[:-1] + b"\xee")
        with pytest.raises(InferenceError, match="of one conversion"):
            read_network(ov.Core(), tmp_path / "net.xml")

    def test_an_ir_that_states_nothing_is_read_as_ever(self, tiny):
        assert not pairs.check_pair(tiny.xml, whole=True)
        read_network(ov.Core(), tiny.xml)

    def test_one_half_alone(self, apart, tmp_path):
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        xml.with_suffix(".bin").unlink()
        with pytest.raises(InferenceError, match=r"net\.bin: missing"):
            read_network(ov.Core(), xml)


class TestWriters:
    def test_threads_that_write_into_one_name(self, files, apart, tmp_path):
        networks = [convert(*files, mean=[mean, 117, 123], name="net") for mean in (100, 101, 102, 103)]
        alone = []
        for number, network in enumerate(networks):
            alone.append(contents(network.save(tmp_path / str(number) / "net.xml")))
        xml = tmp_path / "ir" / "net.xml"
        with quick_switches():
            for _ in range(10):
                in_threads([lambda network=network: network.save(xml) for network in networks])
                assert contents(xml) in alone
        assert sorted(path.name for path in xml.parent.iterdir()) == ["net.bin", "net.xml"]

    @pytest.mark.parametrize("code", [errno.EBADF, errno.ENOLCK, errno.ENOTSUP])
    def test_without_locks_whoever_comes_between_is_told(self, apart, tmp_path, monkeypatch, code):
        """Of two that rename in turns, none says that all is well, and no reader takes what is left."""

        def no_lock(*_: object) -> None:
            raise OSError(code, "no locks")

        monkeypatch.setattr(fcntl, "flock", no_lock)
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        one, other = (mixed(apart[number], apart[number], tmp_path / str(number)) for number in (0, 1))
        replace = Path.replace

        def in_turns(self: Path, target: Path) -> Path:
            if self == one:  # its .bin is in place
                monkeypatch.setattr(Path, "replace", replace)
                pairs.publish(other, xml)
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", in_turns)
        with pytest.raises(ConversionError, match="another process has written into its place"):
            pairs.publish(one, xml)
        with pytest.raises(InferenceError, match="of one conversion") as problem:
            read_network(ov.Core(), xml)
        assert len(str(problem.value).splitlines()) == 1

    def test_whoever_is_stopped_between_the_renames_leaves_the_pair_of_others(
        self, apart, tmp_path, monkeypatch
    ):
        """Others wait for a while only."""
        monkeypatch.setattr(pairs, "PATIENCE_S", 0.05)
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        one, other = (mixed(apart[number], apart[number], tmp_path / str(number)) for number in (0, 1))
        replace = Path.replace

        def stopped(self: Path, target: Path) -> Path:
            done = replace(self, target)
            monkeypatch.setattr(Path, "replace", replace)
            pairs.publish(other, xml)
            return done

        monkeypatch.setattr(Path, "replace", stopped)
        with pytest.raises(ConversionError, match="another process has written into its place"):
            pairs.publish(one, xml)
        assert contents(xml) == contents(apart[1])

    def test_whoever_holds_the_folder_for_ever_is_not_waited_for(self, apart, tmp_path, monkeypatch):
        monkeypatch.setattr(pairs, "PATIENCE_S", 0.05)
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        fresh = mixed(apart[1], apart[1], tmp_path / "fresh")
        with pairs._turn(xml.parent):
            pairs.publish(fresh, xml)
        assert contents(xml) == contents(apart[1])

    def test_a_reader_sees_the_one_or_the_other_while_they_are_exchanged(self, apart, tmp_path):
        expected = [answer(apart[number]) for number in (0, 3)]
        xml = mixed(apart[0], apart[0], tmp_path / "ir")
        done = threading.Event()

        def exchange() -> None:
            while not done.is_set():
                for number in (3, 0):
                    pairs.publish(mixed(apart[number], apart[number], tmp_path / "fresh"), xml)

        writer = threading.Thread(target=exchange)
        writer.start()
        try:
            seen = [answer(xml) for _ in range(40)]
        finally:
            done.set()
            writer.join()
        which = [[bool(np.abs(one - each).max() < 1e-5) for one in expected] for each in seen]
        assert all(sum(row) == 1 for row in which)
        assert {row.index(True) for row in which} == {0, 1}


def in_threads(bodies: list[Callable[[], object]]) -> None:
    threads = [threading.Thread(target=body) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class quick_switches:  # noqa: N801 - a context manager
    """Let threads take turns as often as can be."""

    def __enter__(self) -> None:
        self.before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)

    def __exit__(self, *_: object) -> None:
        sys.setswitchinterval(self.before)


#: Runs caffe2ir and kills itself at the given call of os.replace, before or behind it.
DYING = """
import os, signal, sys
call, where = int(sys.argv.pop(1)), sys.argv.pop(1)
replace = os.replace
def dying(*arguments):
    global call
    call -= 1
    if call == 0 and where == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*arguments)
    if call == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = dying
from omz.converter.caffe2ir import main
sys.exit(main())
"""


@pytest.mark.parametrize("old", ["an old IR", "nothing"])
@pytest.mark.parametrize(("call", "where"), [(1, "before"), (1, "behind"), (2, "before"), (2, "behind")])
def test_killed_between_the_renames(files, apart, tmp_path, capsys, old, call, where):
    folder = tmp_path / "ir"
    if old == "an old IR":
        mixed(apart[0], apart[0], folder)
    command = [sys.executable, "-c", DYING, str(call), where, *arguments(files, folder), *SETTINGS[1]]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    xml = folder / "net.xml"
    if call == 2 and where == "behind":
        assert contents(xml) == contents(apart[1])
    else:
        assert not xml.exists()
        assert cli.main(["info", "-m", str(xml)]) == 1
        assert len(capsys.readouterr().err.strip().splitlines()) <= 2
    assert cli.main(["caffe2ir", *arguments(files, folder), *SETTINGS[1]]) == 0
    assert contents(xml) == contents(apart[1])
    assert sorted(path.name for path in folder.iterdir()) == ["net.bin", "net.xml"]


@pytest.mark.slow
def test_eight_conversions_into_one_name_without_locks(files, apart, tmp_path, capsys):
    """What is left is one of them whole, or none that a reader takes; who has been in the way is told."""
    alone = [contents(xml) for xml in apart]
    xml, outcomes = tmp_path / "ir" / "net.xml", []
    for _ in range(6):
        runs = [start(files, xml.parent, setting, NO_LOCKS) for setting in SETTINGS]
        failed = sum(run.wait() for run in runs)
        whole = cli.main(["info", "-m", str(xml)]) == 0
        assert not whole or contents(xml) in alone
        assert whole or failed
        outcomes.append((failed, whole))
    with capsys.disabled():
        print("without locks (failed, whole):", outcomes)


@pytest.mark.slow
def test_eight_conversions_into_one_name(files, apart, tmp_path):
    """Twelve rounds; what is left is one of them whole, and answers as it does alone."""
    alone = [contents(xml) for xml in apart]
    answers = [answer(xml) for xml in apart]
    xml, kept = tmp_path / "ir" / "net.xml", []
    for _ in range(12):
        runs = [start(files, xml.parent, setting) for setting in SETTINGS]
        assert [run.wait() for run in runs] == [0] * len(SETTINGS)
        number = alone.index(contents(xml))
        np.testing.assert_allclose(answer(xml), answers[number], atol=1e-5)
        kept.append(number)
        assert sorted(path.name for path in xml.parent.iterdir()) == ["net.bin", "net.xml"]
    print("kept:", kept)


@pytest.mark.slow
def test_kills_at_any_moment(files, apart, tmp_path):
    """Sixty of them: there is an old pair, the new one, or none that a reader takes; the next run leaves no stray."""
    alone = [contents(xml) for xml in apart]
    xml = tmp_path / "ir" / "net.xml"
    draw = random.Random(8)
    began = time.monotonic()
    assert start(files, xml.parent, SETTINGS[0]).wait() == 0
    length = time.monotonic() - began
    outcomes = {"whole": 0, "none": 0, "with strays": 0}
    for _ in range(60):
        number = draw.randrange(len(SETTINGS))
        run = start(files, xml.parent, SETTINGS[number])
        if draw.random() < 0.7:  # most while it writes: there is a private folder
            deadline = time.monotonic() + 60
            while run.poll() is None and not list(xml.parent.glob(f".omz-*-{run.pid}-*")):
                assert time.monotonic() < deadline
                time.sleep(0.0005)
            time.sleep(draw.uniform(0, 0.03))
        else:
            time.sleep(draw.uniform(0, length))
        run.kill()
        run.wait()
        outcomes["with strays"] += bool(list(xml.parent.glob(".omz-*")))
        if xml.exists():
            assert contents(xml) in alone
            read_network(ov.Core(), xml)
            outcomes["whole"] += 1
        else:
            assert cli.main(["info", "-m", str(xml)]) == 1
            outcomes["none"] += 1
    assert start(files, xml.parent, SETTINGS[0]).wait() == 0
    assert sorted(path.name for path in xml.parent.iterdir()) == ["net.bin", "net.xml"]
    assert contents(xml) == alone[0]
    print("60 kills:", outcomes)
    assert outcomes["with strays"] >= 10


#: As on a disk that has none; and slow, so that others come between.
NO_LOCKS = """
import fcntl, os, time
def refuse(*_): raise OSError("no locks")
fcntl.flock = refuse
replace = os.replace
def slow(*arguments): time.sleep(0.01); replace(*arguments)
os.replace = slow
"""


def start(
    files: tuple[Path, Path], folder: Path, setting: tuple[str, ...], before: str = ""
) -> subprocess.Popen[bytes]:
    code = before + "import sys; from omz.converter.caffe2ir import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *arguments(files, folder), *setting])
