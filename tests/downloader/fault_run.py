"""Play random sequences of faults for a while, many side by side, and count what came of them.

    python tests/downloader/fault_run.py --minutes 25 --jobs 10 --seed 1
    python tests/downloader/fault_run.py --only 1000042

Most of a sequence is waiting, so that many more than there are processors can run at once. Each has a number, which
says all of it: one that failed is played again with ``--only``. The exit status is 0 if nothing went wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
#: A worker that says nothing for so long hangs, whatever its sequence; longer than any sequence's own limits.
SILENCE_S = 1800.0
#: Sequences of a seed are numbered from here on.
NUMBERS = 1_000_000


class Totals:
    """What came of all sequences so far."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def add(self, record: dict[str, Any]) -> None:
        with self.lock:
            self.records.append(record)
            for problem in record["problems"]:
                print(f"sequence {record['seed']} ({record['mode']}): {problem}", flush=True)

    def report(self) -> int:
        """Print the counts; returns how many sequences had a problem."""
        records = self.records
        kinds, outcomes, modes, problems = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for record in records:
            kinds.update(record["kinds"])
            outcomes.update(record["outcomes"])
            modes[record["mode"]] += 1
            problems.update({problem.partition(":")[0] for problem in record["problems"]})
        none = kinds.pop("none", 0)
        hours = sum(record["seconds"] for record in records) / 3600
        bad = [record["seed"] for record in records if record["problems"]]
        print(
            f"sequences:      {len(records)}, of {hours:.2f} hours, in {(time.monotonic() - self.began) / 60:.1f} min"
        )
        print(f"  by mode:      {_listed(modes)}")
        print(f"faults:         {sum(kinds.values())} of {len(kinds)} kinds, beside {none} good answers")
        print(f"  by kind:      {_listed(kinds)}")
        print(f"runs:           {sum(outcomes.values())}: {_listed(outcomes)}")
        print(f"kills:          {sum(record['kills'] for record in records)}")
        for kind in (
            "wrong file",
            "hang",
            "traceback",
            "left over",
            "bytes",
            "message",
            "never done",
            "died",
        ):
            print(f"{kind + ':':15} {problems[kind]}")
        print(f"longest run:    {max((record['longest_s'] for record in records), default=0):.1f} s")
        print(f"failed:         {' '.join(map(str, sorted(bad))) or 'none'}", flush=True)
        return len(bad)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


class Worker:
    """A process that plays sequences, one after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def play(self, seed: int) -> dict[str, Any]:
        """Play a sequence; a worker that dies or hangs is a problem of the sequence."""
        assert self._process.stdin
        assert self._process.stdout
        began = time.monotonic()
        timer = threading.Timer(
            SILENCE_S, self._process.send_signal, [signal.SIGABRT]
        )  # which prints the stacks
        timer.start()
        try:
            self._process.stdin.write(f"{seed}\n")
            self._process.stdin.flush()
            if line := self._process.stdout.readline():
                record: dict[str, Any] = json.loads(line)
                return record
        except OSError:
            pass
        finally:
            timer.cancel()
        self.close()
        seconds = time.monotonic() - began
        problem = (
            f"{'hang' if seconds > SILENCE_S else 'died'}: the worker ended with {self._process.returncode}"
        )
        nothing = {"outcomes": {}, "kinds": {}, "kills": 0, "longest_s": seconds, "mode": "unknown"}
        return {"seed": seed, "seconds": seconds, "problems": [problem], **nothing}

    @property
    def usable(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def work() -> None:
    """Play the sequences whose numbers come on stdin; after one that hangs, end, as its threads are still there."""
    sys.path.insert(0, str(TESTS))
    from downloader.sequences import play, prepare

    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    for line in sys.stdin:
        record = play(int(line)).as_json()
        print(json.dumps(record), flush=True)
        if any(problem.startswith("hang") for problem in record["problems"]):
            faulthandler.dump_traceback()
            break


def run(seeds: Iterator[int], jobs: int, minutes: float) -> int:
    """Play sequences side by side until there are no more, or time is up; returns how many had a problem."""
    totals, lock = Totals(), threading.Lock()
    end = time.monotonic() + 60 * minutes

    def serve() -> None:
        worker = Worker()
        while time.monotonic() < end:
            with lock:
                seed = next(seeds, None)
            if seed is None:
                break
            if not worker.usable:
                worker = Worker()
            totals.add(worker.play(seed))
        worker.close()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(60)
                print(f"{len(totals.records)} sequences ...", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return totals.report()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="begin no sequence after so long (default: 5)"
    )
    parser.add_argument("--jobs", type=int, default=8, help="how many at once (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="which sequences (default: 1)")
    parser.add_argument("--most", type=int, help="play no more than so many")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="play these only")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        logging.disable()
        work()
        return 0
    numbers = iter(args.only) if args.only else itertools.count(args.seed * NUMBERS)
    bad = run(itertools.islice(numbers, args.most), args.jobs, args.minutes)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
