"""Downloads against curl: a large file from this machine, the same over a slow link, and many small files.

    python benchmarks/download.py [--rounds 5] [--size_mb 200] [--nginx PATH]

nginx serves, or Python where there is none. The link delays what passes by 25 ms each way and lets through no more than
``--link_mb_s``; it is a process between the two, as netem is not to be had everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import interleaved, median_wall, peak, times_as_long

DELAY_S = 0.025
SMALL_FILES, SMALL_BYTES = 200, 20_000
NGINX = """
daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/nginx.log;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; keepalive_requests 10000; root {root}/www;
  {temporary}
  server {{ listen 127.0.0.1:{port}; }} }}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def main() -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size_mb", type=int, default=200)
    parser.add_argument("--link_mb_s", type=float, default=25.0)
    parser.add_argument("--nginx", default=shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sizes = {"large.bin": args.size_mb * 1_000_000} | {
            f"{index}.bin": SMALL_BYTES for index in range(SMALL_FILES)
        }
        digests = {name: write_random(root / "www" / name, size) for name, size in sizes.items()}
        with serving(root, args.nginx) as port, link(port, args.link_mb_s * 1e6) as far_port:
            for host, where in (("near", port), ("far", far_port)):
                url = f"http://127.0.0.1:{where}"
                describe(root, f"{host}-large", url, {"large.bin": sizes["large.bin"]}, digests)
                small = {name: size for name, size in sizes.items() if name != "large.bin"}
                describe(root, f"{host}-small", url, small, digests)
            print(f"server: {'nginx' if args.nginx else 'python -m http.server'}, medians of {args.rounds}\n")
            large(root, port, args.size_mb, args.rounds)
            over_the_link(root, far_port, args)
            many_small(root, args.rounds)


def large(root: Path, port: int, size_mb: int, rounds: int) -> None:
    """Compare one large file from this machine with curl and a digest of what it prints."""
    url = f"http://127.0.0.1:{port}/large.bin"
    runs = interleaved(
        {
            "curl \\| sha384sum": shell(f"curl -sf {url} | sha384sum"),
            "curl -o file && sha384sum file": shell(f"curl -sf {url} -o {root}/x && sha384sum {root}/x"),
            "omz_downloader": downloader(root, "near-large"),
            "omz_downloader --segments 4": downloader(root, "near-large", "--segments", "4"),
        },
        rounds,
        emptying(root),
    )
    least = next(iter(runs.values()))
    print(f"| {size_mb} MB from this machine | s | of curl \\| sha384sum | peak memory |\n|---|---|---|---|")
    for name, one in runs.items():
        ratio = times_as_long(one, least)
        print(f"| `{name}` | {median_wall(one):.2f} | {ratio:.2f} | {peak(one) / 1e6:.0f} MB |")


def over_the_link(root: Path, port: int, args: argparse.Namespace) -> None:
    """Compare rates over the link."""
    runs = interleaved(
        {
            "curl": shell(f"curl -sf http://127.0.0.1:{port}/large.bin -o {root}/x"),
            "omz_downloader": downloader(root, "far-large"),
        },
        max(args.rounds // 2, 1),
        emptying(root),
    )
    rates = {name: args.size_mb / median_wall(one) for name, one in runs.items()}
    print(f"\n| {args.size_mb} MB, 50 ms, {args.link_mb_s:.0f} MB/s | MB/s | of curl |\n|---|---|---|")
    for name, rate in rates.items():
        print(f"| `{name}` | {rate:.1f} | {rate / rates['curl']:.2f} |")


def many_small(root: Path, rounds: int) -> None:
    """Compare one file at a time with eight, over the link."""
    commands = {f"-j {jobs}": downloader(root, "far-small", "-j", str(jobs)) for jobs in (1, 8)}
    walls = {
        name: median_wall(one)
        for name, one in interleaved(commands, max(rounds // 2, 1), emptying(root)).items()
    }
    print(f"\n| {SMALL_FILES} files of {SMALL_BYTES // 1000} kB, 50 ms | s | times as fast |\n|---|---|---|")
    for name, wall in walls.items():
        print(f"| `omz_downloader {name}` | {wall:.2f} | {walls['-j 1'] / wall:.1f} |")


def shell(command: str) -> list[str]:
    """Return the command line of a pipe that fails where any part of it does."""
    return ["bash", "-o", "pipefail", "-c", command]


def downloader(root: Path, model: str, *options: str) -> list[str]:
    """Return the command line of a download into an empty folder."""
    binary = Path(sys.executable).with_name("omz_downloader")
    arguments = ["--quiet", "--models_root", f"{root}/models", "--name", model, "-o", f"{root}/out", *options]
    return [str(binary), *arguments]


def emptying(root: Path) -> Callable[[], None]:
    """Return what removes the files that have been brought, and waits until the disk has rest."""

    def prepare() -> None:
        (root / "x").unlink(missing_ok=True)
        shutil.rmtree(root / "out", ignore_errors=True)
        os.sync()

    return prepare


def write_random(path: Path, size: int) -> str:
    """Write a file of random bytes; returns its SHA-384."""
    path.parent.mkdir(exist_ok=True)
    source, digest = random.Random(path.name), hashlib.sha384()
    with path.open("wb") as stream:
        for start in range(0, size, 1 << 20):
            block = source.randbytes(min(1 << 20, size - start))
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


def describe(root: Path, model: str, url: str, sizes: dict[str, int], digests: dict[str, str]) -> None:
    """Write the descriptor of a model."""
    files = [
        {"name": name, "size": size, "checksum": digests[name], "source": f"{url}/{name}"}
        for name, size in sizes.items()
    ]
    content = {
        "description": "A file.",
        "task_type": "classification",
        "files": files,
        "framework": "caffe",
        "license": "https://example.com/licence",
        "model_optimizer_args": ["--input=data"],
    }
    folder = root / "models" / "public" / model
    folder.mkdir(parents=True)
    (folder / "model.yml").write_text(json.dumps(content))  # which is YAML as well


@contextmanager
def serving(root: Path, nginx: str | None) -> Iterator[int]:
    """Serve the folder ``www`` of ``root``; yield the port."""
    port = free_port()
    if nginx:
        temporary = " ".join(f"{name}_temp_path {root}/{name};" for name in TEMPORARY)
        configuration = root / "nginx.conf"
        configuration.write_text(NGINX.format(root=root, port=port, temporary=temporary))
        command = [nginx, "-c", str(configuration), "-e", f"{root}/nginx.log"]
    else:
        command = [sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", f"{root}/www"]
    root.chmod(0o755)  # nginx reads as another user, if we are root
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


@contextmanager
def link(port: int, bytes_per_s: float) -> Iterator[int]:
    """Run the slow link to ``port``; yield the port of its near end."""
    near = free_port()
    process = multiprocessing.Process(
        target=lambda: asyncio.run(pass_on(near, port, bytes_per_s)), daemon=True
    )
    process.start()
    try:
        wait_for(near)
        yield near
    finally:
        process.terminate()
        process.join()


async def pass_on(near: int, far: int, bytes_per_s: float) -> None:
    """Pass on between connections to ``near`` and connections to ``far``, later; all share the rate."""
    loop = asyncio.get_running_loop()
    free_at = 0.0

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal free_at
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(128)

        async def arrive() -> None:
            while (entry := await on_the_way.get())[1]:
                await asyncio.sleep(entry[0] - loop.time())
                writer.write(entry[1])
                await writer.drain()
            writer.close()

        arriving = asyncio.create_task(arrive())
        try:
            data = b"-"
            while data:
                data = await reader.read(1 << 15)
                free_at = max(free_at, loop.time()) + len(data) / bytes_per_s
                if (ahead_s := free_at - loop.time()) > 0.005:  # sleeping takes longer than asked for
                    await asyncio.sleep(ahead_s)
                await on_the_way.put((free_at + DELAY_S, data))
            await arriving
        except ConnectionError:
            arriving.cancel()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * DELAY_S)  # the handshake
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", near) as server:
        await server.serve_forever()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


if __name__ == "__main__":
    main()
