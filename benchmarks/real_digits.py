"""Digits as people write and photograph them: NUMBRE, the tutorials' way into the same network, and Tesseract.

`python benchmarks/real_digits.py`; `--images DIR` and `--page FILE --truth TEXT` take your own pictures, and
`--field DIR` a folder of both, as `field.layout` describes it, of which alone the table is then printed.
USPS's digits are read from a file: `images` (N, 16, 16) uint8, bright on dark, and `labels` (N,). The figures go to
results/real_digits.json, a contact sheet of the mistakes to `--sheet`.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import RESULTS, write_result
from digits import sources
from digits.large import large_photos
from digits.readers import Digit, naive, numbre, opened, tesseract, tesseract_missing
from digits.sheet import Mistake, write_sheet
from field.layout import FieldPicture, read_field
from field.numbers import HEAD, NumberScore, score_numbers
from field.single_digits import score_singles
from numbre_runtime import Classifier, load, read
from numbre_runtime.bundle import bundle_path
from numbre_runtime.errors import NumbreError

_PER_SET = 10
"""At most so many mistakes of one set are drawn."""
_LAYOUTS = (7, 8, 10)
"""Tesseract's ways to see a picture that holds digits alone: a line, a word, one character."""


def parser() -> argparse.ArgumentParser:
    """The benchmark's arguments."""
    result = argparse.ArgumentParser(description="Reads single digits and pages from many sources and compares.")
    result.add_argument("--bundle", metavar="DIR|NAME", help="(default: the built-in model)")
    result.add_argument("--count", type=int, default=500, metavar="N", help="digits of each distortion (default: 500)")
    result.add_argument(
        "--tesseract-count",
        type=int,
        default=100,
        metavar="N",
        help="pictures of each set that Tesseract reads, because it is slow (default: 100)",
    )
    result.add_argument("--pages", type=int, default=200, metavar="N", help="synthetic pages (default: 200; 0: none)")
    result.add_argument("--usps", type=Path, metavar="FILE.npz", help="USPS digits: images (N, 16, 16), labels (N,)")
    result.add_argument("--images", type=Path, metavar="DIR", help="pictures DIGIT_anything.png, or a folder a digit")
    result.add_argument("--page", type=Path, metavar="FILE", help="a photographed page")
    result.add_argument("--truth", metavar="TEXT", help="what the page says, white space aside")
    result.add_argument("--field", type=Path, metavar="DIR", help="a folder of singles/ and pages/; measure only these")
    result.add_argument("--sheet", type=Path, default=Path("build/real_digits.png"), metavar="FILE.png")
    return result


class ResultTable:
    """Prints the rows as they come and keeps them."""

    def __init__(self, classifier: Classifier, tesseract_count: int) -> None:
        self.classifier = classifier
        self.tesseract_count = 0 if tesseract_missing() else tesseract_count
        self.rows: dict[str, dict[str, Any]] = {}
        self.mistakes: list[Mistake] = []
        print(f"{'':28}{'digits':>8}{'NUMBRE':>9}{'accepted':>10}{'naive':>9}{'Tesseract':>11}")

    def digits(self, labelled: sources.DigitSet) -> None:
        """One set of digits: share read right, share above the threshold, and what the others make of them."""
        truth = labelled.labels
        answers = numbre(self.classifier, labelled.digits)
        wrong = [index for index, answer in enumerate(answers) if answer is None or answer.label != truth[index]]
        self.mistakes += [
            Mistake(labelled.name, labelled.digits[index], truth[index], answers[index]) for index in wrong[:_PER_SET]
        ]
        row: dict[str, Any] = {
            "digits": len(truth),
            "numbre": 1 - len(wrong) / len(truth),
            "accepted": sum(answer is not None and answer.recognized for answer in answers) / len(truth),
            "naive": _share(naive(self.classifier, labelled.digits), truth),
        }
        if self.tesseract_count:
            some = truth[: self.tesseract_count]
            row["tesseract"] = _share(tesseract(labelled.digits[: self.tesseract_count]), some)
            row["tesseract_digits"] = len(some)
        self.rows[labelled.name] = row
        other = f"{row['tesseract']:>11.1%}" if self.tesseract_count else f"{'–':>11}"
        print(
            f"{labelled.name:28}{len(truth):>8,}{row['numbre']:>9.1%}{row['accepted']:>10.1%}{row['naive']:>9.1%}{other}",
            flush=True,
        )

    def others(self, name: str, pictures: Sequence[Digit]) -> None:
        """Pictures without a digit: the share that is taken for one."""
        answers = numbre(self.classifier, pictures)
        accepted = sum(answer is not None and answer.recognized for answer in answers) / len(pictures)
        self.rows[name] = {"digits": 0, "pictures": len(pictures), "accepted": accepted}
        print(f"{name:28}{0:>8}{'':9}{accepted:>10.1%}   of {len(pictures):,} pictures", flush=True)

    def line(self, name: str, text: str, /, **figures: Any) -> None:
        """Anything else."""
        self.rows[name] = figures
        print(f"{name:28}{text}", flush=True)


def _share(answers: Sequence[str], truth: Sequence[str]) -> float:
    return sum(answer == label for answer, label in zip(answers, truth, strict=True)) / len(truth)


def _page(table: ResultTable, path: Path, truth: str) -> None:
    """One photographed page: the share of its digits that come back in order."""
    wanted = "".join(truth.split())
    got = "".join(read(path, table.classifier).text.split())
    matcher = difflib.SequenceMatcher(None, wanted, got, autojunk=False)
    right = sum(block.size for block in matcher.get_matching_blocks())
    table.line(path.name, f"{right} of {len(wanted)} digits in order: {got}", right=right, digits=len(wanted), text=got)
    if table.tesseract_count:
        other = tesseract([opened(path)])[0]
        table.line(f"{path.name}, Tesseract", f"as one character: {other or 'nothing'}", text=other)


def _synthetic(table: ResultTable, pages: int) -> None:
    from synthetic_pages import Score, score_pages

    total = Score()
    for name, score in score_pages(lambda picture: read(picture, table.classifier), pages).items():
        total.add(score)
        if score.pages:
            share = score.right / score.digits
            false = score.false / score.pages
            table.line(f"page, {name}", f"{score.digits:>8,}{share:>9.1%}   {false:.2f} false a page", **vars(score))
    share, false = total.right / total.digits, total.false / total.pages
    table.line("pages, all", f"{total.digits:>8,}{share:>9.1%}   {false:.2f} false a page", **vars(total))


def run_field(classifier: Classifier, directory: Path, sheet: Path) -> None:
    """Measures and prints how the pictures of a folder are read, and draws those that are not."""
    field = read_field(directory)
    mistakes: list[Mistake] = []
    print(f"{'':28}{'pictures':>9}{'right':>8}{'accepted':>10}{'wrong and accepted':>20}{'blank':>7}")
    for name, pictures in (("single digits", field.singles), ("digits that fill the picture", field.tight)):
        if pictures:
            score, missed = score_singles(classifier, pictures)
            mistakes += missed
            shares = f"{score.right / score.pictures:>8.1%}{score.accepted / score.pictures:>10.1%}"
            print(f"{name:28}{score.pictures:>9,}{shares}{score.wrong:>20}{score.blank:>7}", flush=True)
    print(HEAD)
    for name, pictures in (
        ("one digit, numbre-read", field.singles),
        ("numbers and pages", field.pages),
        ("cheque amounts", field.cheques),
    ):
        if pictures:
            print(score_numbers(lambda path: read(path, classifier).text, pictures).line(name), flush=True)
            for layout in () if tesseract_missing() else _LAYOUTS:
                print(_by_tesseract(pictures, layout).line(f"  Tesseract --psm {layout}"), flush=True)
    write_sheet(sheet, mistakes)
    print(f"{len(mistakes)} not right or not accepted: {sheet}")


def _by_tesseract(pictures: Sequence[FieldPicture], layout: int) -> NumberScore:
    answers = tesseract([picture.path for picture in pictures], layout)
    texts = dict(zip((picture.path for picture in pictures), answers, strict=True))
    return score_numbers(texts.__getitem__, pictures)


def run(args: argparse.Namespace) -> int:
    """Measures and prints everything that can be measured here; what cannot is skipped with the reason."""
    table = ResultTable(load(args.bundle), args.tesseract_count)
    skipped: list[str] = []

    def attempt(what: str, measure: Callable[[], object]) -> None:
        try:
            measure()
        except (ImportError, OSError) as cause:
            skipped.append(f"{what}: {cause}")

    for labelled in sources.mnist(args.count):
        table.digits(labelled)
    attempt("optdigits", lambda: table.digits(sources.optdigits()))
    if args.usps is not None:
        table.digits(sources.usps(args.usps))
    else:
        skipped.append("USPS: name a file with --usps")
    if args.images is not None:
        table.digits(sources.own_pictures(args.images))
    if sources.FASHION.exists():
        table.others("Fashion-MNIST", sources.fashion())
    else:
        skipped.append("Fashion-MNIST: needs the Debian package dataset-fashion-mnist")
    table.others("letters", sources.letters())
    if args.page is not None:
        attempt("page", lambda: _page(table, args.page, args.truth))
    if args.pages:
        attempt("synthetic pages", lambda: _synthetic(table, args.pages))
    for name, figures in large_photos(bundle_path(args.bundle)).items():
        text = f"{figures['seconds']:.2f} s, peak {figures['peak_rss_mb']:.0f} MB"
        table.line(f"12 megapixels, {name}", text, **figures)
    if reason := tesseract_missing():
        skipped.append(f"Tesseract: {reason}")
    print(*(f"skipped {line}" for line in skipped), sep="\n")
    write_sheet(args.sheet, table.mistakes)
    print(f"{len(table.mistakes)} mistakes, at most {_PER_SET} of a set: {args.sheet}")
    bundle = str(args.bundle or bundle_path(None).name)
    write_result(
        "real_digits",
        {"bundle": bundle, "threshold": table.classifier.threshold, "rows": table.rows, "skipped": skipped},
    )
    print(f"figures: {RESULTS / 'real_digits.json'}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = parser()
    args = arguments.parse_args(argv)
    if (args.page is None) != (args.truth is None):
        arguments.error("--page and --truth go together")
    if args.count < 1 or args.tesseract_count < 1 or args.pages < 0:
        arguments.error("--count and --tesseract-count must be 1 or more, --pages 0 or more")
    try:
        if args.field is not None:
            run_field(load(args.bundle), args.field, args.sheet)
            return 0
        return run(args)
    except NumbreError as error:
        print(f"real_digits: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
