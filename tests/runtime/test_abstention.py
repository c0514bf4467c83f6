"""No digit is an answer: thresholds and the class that stands for none of the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import numbre_runtime as numbre
from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_runtime.bundle import DEFAULT_BUNDLE, bundle_path
from numbre_train.data import Mnist


def _bundle(place: Path, **changes: Any) -> Path:
    """The shipped NUMBRE network with other words in its manifest."""
    bundle = Path(shutil.copytree(NUMBRE_BUNDLE, place))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    (bundle / "manifest.json").write_text(json.dumps({**manifest, **changes}), encoding="utf-8")
    return bundle


def test_below_the_threshold_nothing_is_recognized(mnist: Mnist, tmp_path: Path) -> None:
    strict = numbre.load(_bundle(tmp_path / "strict", threshold=0.9), backend="litert")
    plain = numbre.load("numbre-int8", backend="litert")
    images = mnist.test_images[:2000]
    confidences = plain.predict_batch(images).max(axis=1)
    assert 0 < (confidences < 0.9).sum() < 200
    for image, confidence in zip(images, confidences, strict=True):
        prediction = strict.predict(image)
        assert prediction.recognized is bool(confidence >= 0.9)
        assert prediction.found is None
        assert plain.predict(image).recognized


def test_the_class_none_is_never_the_answer(mnist: Mnist, tmp_path: Path) -> None:
    labels = ["0", "1", "none", *"3456789"]
    classifier = numbre.load(_bundle(tmp_path / "none", labels=labels, none_label="none", threshold=0.5))
    for image in mnist.test_images[mnist.test_labels == 2][:50]:
        prediction = classifier.predict(image)
        others = np.array([*prediction.scores[:2], -1, *prediction.scores[3:]])
        assert prediction.label == labels[int(others.argmax())]
        assert prediction.confidence == others.max()
        assert prediction.recognized is bool(others.max() >= 0.5)
        assert prediction.scores.shape == (10,)
    assert classifier.predict_batch(mnist.test_images[:3]).shape == (3, 10)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"threshold": 1.5}, "a threshold of 1.5; expected 0 to 1"),
        ({"threshold": -0.1}, "a threshold of -0.1; expected 0 to 1"),
        ({"threshold": "high"}, "threshold: expected float"),
        ({"temperature": 0.0}, "a temperature of 0; expected 0.01 to 100"),
        ({"temperature": 101.0}, "a temperature of 101; expected 0.01 to 100"),
        ({"none_label": "none"}, "none_label 'none' is none of its labels"),
        ({"none_label": 3}, "none_label: expected str"),
    ],
)
def test_a_wrong_threshold_or_none_label_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(numbre.BundleError, match=reason):
        numbre.load(_bundle(tmp_path / "wrong", **changes))


def test_predict_says_that_there_is_no_digit(run_command: Run, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (60, 40), 200).save(blank)
    strict = _bundle(tmp_path / "strict", threshold=1.0)
    sample = ROOT / "samples" / "paper_3.png"
    done = run_command("numbre-predict", "--bundle", strict, blank, sample)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == f"{blank}: no digit (blank)"
    assert second.startswith(f"{sample}: no digit (most like 3, 99")
    done = run_command("numbre-predict", "--bundle", strict, "--top", "2", sample)
    assert done.stdout.count("%") == 2
    done = run_command("numbre-predict", "--bundle", strict, "--json", blank, sample)
    nothing, three = (json.loads(line) for line in done.stdout.splitlines())
    assert (nothing["label"], nothing["confidence"], nothing["recognized"], nothing["found"]) == ("", 0, False, None)
    assert (three["label"], three["recognized"], three["found"]["dark_ink"]) == ("3", False, True)
    assert len(three["found"]["box"]) == 4


def test_a_classifier_of_other_things_does_not_speak_of_digits(run_command: Run, tmp_path: Path) -> None:
    letters = _bundle(tmp_path / "letters", labels=list("ABCDEFGHIJ"), threshold=1.0)
    done = run_command("numbre-predict", "--bundle", letters, ROOT / "samples" / "paper_3.png")
    assert ": none of the classes (most like D, 99" in done.stdout


def test_a_shipped_bundle_is_found_by_its_name_unless_a_path_is_there(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundle_path(None) == DEFAULT_BUNDLE
    assert bundle_path("numbre-int8") == NUMBRE_BUNDLE
    assert bundle_path("../numbre-int8") == Path("../numbre-int8")
    (tmp_path / "numbre-int8").mkdir()
    assert bundle_path("numbre-int8") == Path("numbre-int8")
    with pytest.raises(numbre.BundleError, match=r"none: no such directory, nor a bundle that ships .*numbre-int8"):
        numbre.load("none")
