"""`numbre-read PHOTO…`: all numbers on each page; `--camera` and `--video`: a line whenever the answer changes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbre_runtime.backends import BACKENDS
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import bundle_path
from numbre_runtime.classifier import Classifier
from numbre_runtime.cli.common import EXIT_INTERRUPTED, EXIT_OK, Parser, for_each_picture, run_command
from numbre_runtime.cli.streams import output_lost
from numbre_runtime.errors import ImageError
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.loading import load
from numbre_runtime.text import json_text, terminal

if TYPE_CHECKING:
    from numbre_runtime.page import Page


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-read",
        description="Reads all numbers on each page, line by line.",
        examples=("numbre-read page.jpg --overlay answers.png", "numbre-read --camera 0"),
    )
    result.add_argument("photos", nargs="*", metavar="PHOTO", help="a picture of a page, of any size and polarity")
    result.add_argument("--camera", type=int, metavar="N", help="read what camera N sees, until Ctrl-C")
    result.add_argument("--video", metavar="FILE", help="read a video's frames")
    result.add_argument("--overlay", type=Path, metavar="FILE", help="write the photo with boxes and answers, as PNG")
    result.add_argument("--json", action="store_true", help="one JSON object a line")
    result.add_argument("--bundle", metavar="DIR|NAME", help="a bundle of digits (default: the built-in model)")
    result.add_argument("--backend", choices=BACKENDS, help="inference engine (default: the first that works)")
    return result


def run(args: argparse.Namespace) -> int:
    """Reads photos, a camera or a video."""
    if bool(args.photos) + (args.camera is not None) + (args.video is not None) != 1:
        raise ImageError("expected photos, or --camera N, or --video FILE; see numbre-read --help")
    if args.camera is not None and args.camera < 0:
        raise ImageError(f"--camera {args.camera}: expected 0 or more")
    if args.overlay and len(args.photos) != 1:
        raise ImageError("--overlay takes one photo at a time")
    if args.overlay:
        check_output(args.overlay, [*args.photos, bundle_path(args.bundle)])
    with quiet_engine():
        from numbre_runtime.page.reader import check_digits

        classifier = load(args.bundle, backend=args.backend)
        check_digits(classifier)
    return _photos(args, classifier) if args.photos else _frames(args, classifier)


def _photos(args: argparse.Namespace, classifier: Classifier) -> int:
    """Reads each photo."""
    from numbre_runtime.page import read

    def show(photo: str) -> None:
        page = read(photo, classifier)
        if args.json:
            about = {"artifact": classifier.artifact.file, "backend": classifier.backend}
            print(json_text({"image": photo, **page_json(page), **about}))
        else:
            for line in page.text.splitlines() or ["no digits"]:
                print(f"{terminal(photo)}: {terminal(line)}")
        if args.overlay:
            from numbre_runtime.page.overlay import overlay_png

            write_atomic(args.overlay, overlay_png(photo, page))

    return for_each_picture("numbre-read", args.photos, show, args.debug)


def _frames(args: argparse.Namespace, classifier: Classifier) -> int:
    """Prints each answer that holds, and at the end, also that by Ctrl-C, how quick it was."""
    from numbre_runtime.page import read
    from numbre_runtime.page.video import Pace, Steady, camera_frames, timed, video_frames

    frames = camera_frames(args.camera) if args.video is None else video_frames(args.video)
    steady, pace, code = Steady(), Pace(), EXIT_OK
    try:
        for index, frame in timed(_quietly_started(frames), pace):
            page = read(frame, classifier)
            if steady.changed(page.text):
                text = terminal(" | ".join(page.text.splitlines())) or "no digits"
                shown = json_text({"frame": index, **page_json(page)}) if args.json else f"frame {index}: {text}"
                print(shown, flush=True)
                if output_lost() is not None:
                    break
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    done = pace.summary()
    if args.json:
        print(json_text(done))
    else:
        print(
            f"{done['frames']} frames, {done['frames_per_second']:.1f} a second; "
            f"one takes {done['p50_ms']:.0f} ms (median), {done['p90_ms']:.0f} ms (90th percentile)"
        )
    return code


def _quietly_started(frames: Any) -> Any:
    """The frames; what OpenCV says while it opens their source is held back, for the error says it too."""
    with quiet_engine():
        first = next(frames)
    yield first
    yield from frames


def page_json(page: Page) -> dict[str, Any]:
    """A page as JSON's types: width, height, dark_ink, text, and lines of numbers of digits with their boxes."""
    lines = [
        [
            {
                "text": number.text,
                "confidence": round(number.confidence, 6),
                "box": number.box,
                "digits": [{**asdict(digit), "confidence": round(digit.confidence, 6)} for digit in number.digits],
            }
            for number in line
        ]
        for line in page.lines
    ]
    return {"width": page.width, "height": page.height, "dark_ink": page.dark_ink, "text": page.text, "lines": lines}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
