"""``classification_demo``: classify pictures, a video or a camera, with Open Model Zoo's flags."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from omz.command import INTERRUPTED, SUCCESS, add_common_arguments, add_json_argument, run
from omz.demos.common.options import add_fast_decode_argument, resolution
from omz.inference import arguments
from omz.outgoing import printable
from omz.outputs import check_outputs
from omz.parser import Parser
from omz.streams import is_lost

if TYPE_CHECKING:
    from omz.demos.common.display import Window
    from omz.demos.common.writers import Writer
    from omz.inference.classifier import Classifier
    from omz.inference.pipeline import Outcome, Pipeline
    from omz.inference.sources import Source

_log = logging.getLogger(__name__)

#: Frames of a longer input than this are classified and counted, but not listed in the JSON report.
MAX_LISTED = 100_000
TOP_K = 5


def build_parser() -> Parser:
    """Return the command line's parser."""
    parser = Parser(
        description="Classify pictures, a video or a camera.",
        epilog="Esc or q in the window, or Ctrl-C, stops and prints the metrics. "
        "With --loop and no display give --time, or stop with Ctrl-C.",
    )
    arguments.add_model_arguments(parser)
    arguments.add_inference_arguments(parser)
    group = parser.add_argument_group("input and output")
    arguments.add_input_argument(group, video=True)
    add_fast_decode_argument(group)
    group.add_argument(
        "-topk",
        "--topk",
        type=int,
        choices=range(1, 11),
        metavar="{1..10}",
        help="classes shown (default: 5; where several may hold for one picture, all above --threshold)",
    )
    arguments.add_listing_arguments(group)
    group.add_argument("-loop", "--loop", action="store_true", help="read the input again and again")
    group.add_argument("-time", "--time", type=arguments.positive, metavar="S", help="stop after S seconds")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="annotated result: picture, folder, out_%%03d.png, or .avi/.mp4/.mkv video",
    )
    group.add_argument(
        "-limit", "--output_limit", type=arguments.count, default=1000, metavar="N",
        help="frames stored by -o (default: 1000; 0: all)",
    )  # fmt: skip
    group.add_argument("-no_show", "--no_show", action="store_true", help="open no window")
    group.add_argument(
        "--output_resolution", type=resolution, metavar="WxH", help="largest size of annotated frames"
    )
    group.add_argument(
        "-r", "--raw_output_message", action="store_true", help="print raw scores, and for video every frame"
    )
    add_json_argument(group, "a report")
    add_common_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``classification_demo --help``."""
    return run(build_parser(), _demo, argv)


def _demo(args: argparse.Namespace) -> int:
    from omz.demos.common.display import open_window
    from omz.demos.common.writers import open_writer, write_json
    from omz.inference.choice import one_ir
    from omz.inference.classification import check_any_readable
    from omz.inference.classifier import load_classifier
    from omz.inference.pipeline import Pipeline
    from omz.inference.ranking import listing
    from omz.inference.sources import LIVE, Pictures, open_sources, repeat

    source = open_sources(args.input)
    writer = open_writer(args.output, source) if args.output else None
    xml = one_ir(args)
    check_outputs({"--json": args.json}, arguments.files_read(args, xml) | {"-o": args.output})
    classifier = load_classifier(
        xml,
        arguments.device_options(args),
        arguments.input_options(args),
        args.labels,
        args.output_name,
    )
    source.channels = classifier.channels
    source.enough = classifier.enough if args.fast_decode else None
    top_k, threshold = listing(classifier.output, args.topk, args.threshold)
    window = open_window("classification_demo", no_show=args.no_show)
    pipeline = Pipeline(
        classifier,
        requests=args.num_infer_requests,
        top_k=top_k,
        threshold=threshold,
        keep_images=bool(window or writer),
    )
    session = _Session(args, source, window, writer, threshold)
    status = SUCCESS
    if args.loop and isinstance(source, Pictures):
        source.keep("for they are needed again and again")
    frames = repeat(source) if args.loop else source
    outcomes = pipeline.run(frames, args.time)
    try:
        for outcome in outcomes:
            if not session.take(outcome) or (is_lost() and not session.makes_files):
                break
    except KeyboardInterrupt:  # what was measured so far is still told
        _log.info("interrupted")
        endless = args.loop or source.kind in LIVE
        status = SUCCESS if endless and session.frames else INTERRUPTED
    except BaseException:
        session.close(keep=False)
        raise
    finally:
        outcomes.close()
    seconds = perf_counter() - session.began
    session.close(keep=True)
    check_any_readable(list(session.unreadable.values()), session.frames + len(session.unreadable))
    report = session.report(classifier, pipeline, seconds)
    if args.json:
        write_json(args.json, report)
    if args.json != "-":
        session.print_metrics(classifier, report)
    return status


class _Session:
    """Takes outcomes: prints, draws, shows, writes and counts them."""

    def __init__(
        self,
        args: argparse.Namespace,
        source: Source,
        window: Window | None,
        writer: Writer | None,
        threshold: float | None,
    ) -> None:
        from omz.console import console
        from omz.inference.statistics import Samples, StageLatencies
        from omz.inference.unreadable import Unreadable

        self._args, self._window, self._writer, self._threshold = args, window, writer, threshold
        self._still = source.kind in ("image", "folder")
        self._out = None if args.json == "-" else console()
        self._stored = 0
        self._listed: list[dict[str, Any]] = []
        self._classes: Counter[str] = Counter()
        self.frames = 0
        self.unreadable = Unreadable()
        self.latencies = StageLatencies()
        self.rendering = Samples()
        self.began = perf_counter()

    @property
    def makes_files(self) -> bool:
        """Whether anything comes of the work but what is printed and shown."""
        return self._writer is not None or self._args.json not in (None, "-")

    def take(self, outcome: Outcome) -> bool:
        """Deal with one outcome and return whether to go on."""
        from omz.demos.common.text import print_predictions
        from omz.inference.classification import as_classified

        if outcome.error is not None or outcome.timing is None:
            self.unreadable.note(outcome.source, outcome.error)
            return True
        self.frames += 1
        self.latencies.add(outcome.timing)
        # where several classes may hold, each counts; else the best one does
        named = outcome.predictions[: None if outcome.kind == "independent" else 1]
        self._classes.update({one.label for one in named})
        if self._args.json and len(self._listed) < MAX_LISTED:
            self._listed.append(as_classified(outcome).to_json())
        if self._out and (self._still or self._args.raw_output_message):
            name = printable(outcome.source)
            print_predictions(
                self._out,
                name if self._still else f"{name}, frame {outcome.number}",
                outcome.predictions,
                raw=self._args.raw_output_message,
                threshold=self._threshold,
            )
        return self._render(outcome)

    def _render(self, outcome: Outcome) -> bool:
        from omz.demos.common.drawing import annotate
        from omz.inference.ranking import none_above

        limit = self._args.output_limit
        stores = self._writer is not None and (not limit or self._stored < limit)
        if outcome.image is None or not (stores or self._window):
            return True
        began = perf_counter()
        otherwise = "" if self._threshold is None else none_above(self._threshold)
        image = annotate(outcome.image, outcome.predictions, self._args.output_resolution, otherwise)
        if stores and self._writer is not None:
            self._writer.write(image, outcome.source)
            self._stored += 1
            if self._stored == limit:
                _log.info("-o: %d frames stored, the limit (-limit)", limit)
        self.rendering.add(perf_counter() - began)
        return self._window is None or bool(self._window.show(image, wait_ms=0 if self._still else 1))

    def close(self, *, keep: bool) -> None:
        """Finish the output and close the window."""
        if self._writer is not None:
            self._writer.close(keep=keep)
        if self._window is not None:
            self._window.close()

    def report(self, classifier: Classifier, pipeline: Pipeline, seconds: float) -> dict[str, Any]:
        """Return the report that ``--json`` writes."""
        from omz.inference.statistics import round_to_three

        summaries = self.latencies.summaries()
        if rendering := self.rendering.summary():
            summaries["rendering"] = rendering
        return {
            "model": str(classifier.path),
            "device": classifier.options.device,
            "execution_devices": classifier.execution_devices,
            "threshold": self._threshold,
            "fast_decode": self._args.fast_decode,
            "images": self._listed,
            "unreadable": [{"source": source, "error": error} for source, error in self.unreadable.items()],
            "metrics": {
                "frames": self.frames,
                "seconds": round_to_three(seconds, digits=5),
                "fps": round_to_three(self.frames / seconds, digits=5),
                "requests": pipeline.request_count,
                "precision": classifier.precision,
                "compile_seconds": round_to_three(classifier.compile_seconds),
                "compiled_from_cache": classifier.from_cache,
                "latency": {stage: summary.to_json() for stage, summary in summaries.items()},
            },
        }

    def print_metrics(self, classifier: Classifier, report: dict[str, Any]) -> None:
        """Print the summary for people."""
        from omz.console import bar, console
        from omz.demos.common.text import latency_table
        from omz.inference.statistics import three_digits
        from omz.inference.unreadable import summary

        out = self._out or console()
        if not self._still and self.frames:
            out.print("most frequent classes", style="bold")
            for label, count in self._classes.most_common(self._args.topk or TOP_K):
                out.print(f"  {count:>7} frames  {bar(count / self.frames):<24}  {label}", soft_wrap=True)
        summaries = self.latencies.summaries()
        if rendering := self.rendering.summary():
            summaries["rendering"] = rendering
        if summaries:
            out.print(latency_table(summaries, "latency, ms"))
        metrics = report["metrics"]
        loaded = "from the cache" if classifier.from_cache else "compiled"
        out.print(
            f"{self.frames} frames, {three_digits(metrics['fps'])} FPS on {', '.join(classifier.execution_devices)}"
            f" {classifier.precision} ({loaded} in {three_digits(classifier.compile_seconds)} s)",
            soft_wrap=True,
        )
        if self.unreadable:
            out.print(summary(len(self.unreadable)), style="red")


if __name__ == "__main__":
    raise SystemExit(main())
