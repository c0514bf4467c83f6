"""`numbre-read PHOTO…`: all numbers on each page; `--camera` and `--video`: a line whenever the answer changes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numbre_runtime.backends import SELECTABLE
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.bundle import bundle_path
from numbre_runtime.classifier import Classifier
from numbre_runtime.cli.answers import AnswerLines, Subject, frame, picture
from numbre_runtime.cli.common import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    Parser,
    add_picture_options,
    for_each_input,
    run_command,
)
from numbre_runtime.cli.inputs import picture_inputs
from numbre_runtime.cli.streams import output_lost
from numbre_runtime.errors import ImageError
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.loading import load
from numbre_runtime.text import json_text

if TYPE_CHECKING:
    from numbre_runtime.pictures.picture import PictureSource

_LAST_CAMERA = 255
"""Linux numbers no more; OpenCV takes larger ones for something else, or fails on them."""


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-read",
        description="Reads all numbers on each page, line by line.",
        examples=("numbre-read page.jpg --overlay answers.png", "numbre-read --camera --single"),
    )
    result.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTO",
        help="a picture of a page, of any size and polarity; a folder of pictures; - for standard input; a data URI",
    )
    add_picture_options(result)
    result.add_argument(
        "--camera", type=int, nargs="?", const=0, metavar="N", help="read what camera N sees, until Ctrl-C (default: 0)"
    )
    result.add_argument("--video", metavar="FILE", help="read a video's frames")
    result.add_argument(
        "--single", action="store_true", help="each picture shows one digit, or whatever the bundle's classes are"
    )
    result.add_argument("--overlay", type=Path, metavar="FILE", help="write the photo with boxes and answers, as PNG")
    result.add_argument("--bundle", metavar="DIR|NAME", help="a bundle of digits (default: the built-in model)")
    result.add_argument("--backend", choices=SELECTABLE, help="inference engine (default: the first that works)")
    return result


def run(args: argparse.Namespace) -> int:
    """Reads photos, a camera or a video."""
    if bool(args.photos) + (args.camera is not None) + (args.video is not None) != 1:
        raise ImageError("expected photos, or --camera N, or --video FILE; see numbre-read --help")
    if args.camera is not None and not 0 <= args.camera <= _LAST_CAMERA:
        raise ImageError(f"--camera {args.camera}: expected 0 to {_LAST_CAMERA}")
    if args.overlay and (len(args.photos) != 1 or Path(args.photos[0]).is_dir()):
        raise ImageError("--overlay takes one photo at a time")
    if args.overlay and args.single:
        raise ImageError("--overlay draws what stands on a page; leave --single out")
    if args.overlay:
        check_output(args.overlay, [*args.photos, bundle_path(args.bundle)])
    with quiet_engine():
        from numbre_runtime.page.reader import check_digits

        classifier = load(args.bundle, backend=args.backend)
        if not args.single:
            check_digits(classifier)
    lines = AnswerLines(args.format, classifier)
    for line in lines.header(pages=not args.single):
        print(line)
    way = _single_way(classifier, lines) if args.single else _page_way(classifier, lines)
    return _photos(args, way) if args.photos else _frames(args, way)


class _Way(NamedTuple):
    """A way to read pictures."""

    read: Callable[[PictureSource], Any]
    """Gives a picture's answer."""
    lines: Callable[[Subject, Any], list[str]]
    """Writes an answer."""
    short: Callable[[Any], str]
    """What two answers have in common if they are the same; "" if nothing was read."""


def _page_way(classifier: Classifier, lines: AnswerLines) -> _Way:
    """All numbers of each picture."""
    from numbre_runtime.page import read

    return _Way(lambda picture: read(picture, classifier), lines.of_page, lambda page: page.text)


def _single_way(classifier: Classifier, lines: AnswerLines) -> _Way:
    """One sign a picture."""
    return _Way(classifier.predict, lines.of_prediction, lambda answer: answer.label if answer.recognized else "")


def _photos(args: argparse.Namespace, way: _Way) -> int:
    """Reads each photo."""

    def show(name: str, photo: PictureSource) -> None:
        answer = way.read(photo)
        for line in way.lines(picture(name), answer):
            print(line)
        if args.overlay:
            from numbre_runtime.page.overlay import overlay_png

            write_atomic(args.overlay, overlay_png(photo, answer))

    return for_each_input("numbre-read", picture_inputs(args.photos, args.glob), show, args.debug)


def _frames(args: argparse.Namespace, way: _Way) -> int:
    """Prints each answer that holds, and at the end, also that by Ctrl-C, how quick it was."""
    from numbre_runtime.page.video import Pace, Steady, camera_frames, timed, video_frames

    frames = camera_frames(args.camera) if args.video is None else video_frames(args.video)
    steady, pace, code = Steady(), Pace(), EXIT_OK
    try:
        for index, pixels in timed(_quietly_started(frames), pace):
            answer = way.read(pixels)
            if steady.changed(way.short(answer)):
                print(*way.lines(frame(index), answer), sep="\n", flush=True)
                if output_lost() is not None:
                    break
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    if not args.quiet:
        _print_pace(pace.summary(), args.format)
    return code


def _print_pace(done: dict[str, float], form: str) -> None:
    if form == "json":
        print(json_text(done))
    else:
        print(
            f"{done['frames']} frames, {done['frames_per_second']:.1f} a second; "
            f"one takes {done['p50_ms']:.0f} ms (median), {done['p90_ms']:.0f} ms (90th percentile)",
            file=sys.stderr if form == "csv" else sys.stdout,
        )


def _quietly_started(frames: Any) -> Any:
    """The frames. OpenCV's own messages about their source are held back, because the error says the same."""
    with quiet_engine():
        first = next(frames)
    yield first
    yield from frames


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
