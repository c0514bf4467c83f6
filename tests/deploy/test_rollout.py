"""Canaries, waves and the fleet's file, with boards that are functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from numbre_runtime.deploy.board_list import read_boards
from numbre_runtime.deploy.board_session import MissedBoundError, UnreachableError
from numbre_runtime.deploy.deployment import Deployed, Destination
from numbre_runtime.deploy.rollout import DONE, LEFT, MISSED, OFF, Waves, count_errors, rollout
from numbre_runtime.deploy.rollout_report import count_states, report_html, report_json
from numbre_runtime.errors import DataError
from numbre_runtime.remote.ssh import Host

BOARDS = [Destination(Host(f"pi@b{number}")) for number in range(12)]


def _fleet(off: set[int], bad: set[int]) -> tuple[Callable[[Destination, Callable[[str], None]], Deployed], list[str]]:
    """A function that deploys to a board that may be off or bad, and the boards in the order of their turns."""
    turns: list[str] = []

    def deploy_one(board: Destination, _: Callable[[str], None]) -> Deployed:
        turns.append(board.host.name)
        number = BOARDS.index(board)
        if number in off:
            raise UnreachableError(f"{board.host.name}: Connection refused")
        if number in bad:
            raise MissedBoundError(f"{board.host.name}: p99 is 9 µs, at most 5 µs are allowed")
        return Deployed(board.host.name, "abc", True, None, 10, 0.1, {})

    return deploy_one, turns


def test_every_board_has_its_turn_canaries_first() -> None:
    deploy_one, turns = _fleet(off={3}, bad=set())
    outcomes = rollout(BOARDS, deploy_one, Waves(canary=2, wave="25%"))
    assert set(turns[:2]) == {"pi@b0", "pi@b1"}
    assert [set(turns[start : start + 3]) for start in (2, 5, 8)] == [
        {f"pi@b{number}" for number in range(start, start + 3)} for start in (2, 5, 8)
    ]
    assert count_states(outcomes) == {DONE: 11, OFF: 1}
    assert [outcome.board for outcome in outcomes] == BOARDS


def test_a_bad_canary_stops_everything_and_a_bad_board_the_next_wave() -> None:
    deploy_one, turns = _fleet(off=set(), bad={0})
    assert count_states(rollout(BOARDS, deploy_one, Waves())) == {MISSED: 1, LEFT: 11}
    assert turns == ["pi@b0"]
    deploy_one, turns = _fleet(off=set(), bad={2})
    outcomes = rollout(BOARDS, deploy_one, Waves(canary=1, wave="2", parallel=1))
    assert turns == ["pi@b0", "pi@b1", "pi@b2"]
    assert outcomes[2].message == "pi@b2: p99 is 9 µs, at most 5 µs are allowed"
    assert b"9 \\u00b5s" in report_json(outcomes)
    assert "missed a bound" in report_html(outcomes, "Rollout").decode()


def test_boards_that_are_off_are_no_canaries() -> None:
    deploy_one, turns = _fleet(off={0, 1}, bad={2})
    outcomes = rollout(BOARDS, deploy_one, Waves(canary=1))
    assert turns == ["pi@b0", "pi@b1", "pi@b2"]
    assert count_states(outcomes) == {OFF: 2, MISSED: 1, LEFT: 9}


@pytest.mark.parametrize("wave", ["0", "0%", "101%", "x", "-1", "10%%"])
def test_a_wave_that_is_no_number_is_refused(wave: str) -> None:
    with pytest.raises(DataError, match="expected a number of boards, or a share"):
        Waves(wave=wave).size(10)
    assert (Waves(wave="10%").size(12), Waves(wave="3").size(12)) == (2, 3)


def test_errors_are_counted_but_full_queues_are_not() -> None:
    lines = [f'numbre_requests_total{{code="{code}",model="m"}} 3.0' for code in (200, 404, 500, 503)]
    assert count_errors("\n".join(lines)) == 3


def test_the_fleets_file_gives_boards_and_their_own_settings(tmp_path: Path) -> None:
    path = tmp_path / "boards.toml"
    path.write_text(
        'engine = "litert"\n[[board]]\nhost = "a"\ntags = ["in", "old"]\nengine = "none"\nssh = ["Port=2222"]\n'
        '[[board]]\nhost = "b"\ntags = ["in"]\nbundle = "x"\n'
    )
    (tmp_path / "x").mkdir()
    first, second = read_boards(path)
    assert (first.engine, first.host, first.bundle) == ("none", Host("a", ("Port=2222",)), None)
    assert (second.engine, second.bundle) == ("litert", tmp_path / "x")
    assert read_boards(path, ["in", "old"]) == [first]
    with pytest.raises(DataError, match="no board has the tags out; there are in, old"):
        read_boards(path, ["out"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected 1 to"),
        ("board = 1", "expected 1 to"),
        ("[[board]]\n", "board 1 has no host"),
        ('[[board]]\nhost = "a"\n[[board]]\nhost = "a"', "a is there twice"),
        ('[[board]]\nhost = "a"\nport = 1', "unknown setting 'port'"),
        ('[[board]]\nhost = "a"\ntags = "x"', "expected a list of texts"),
        ('[[board]]\nhost = "a"\nengine = "gpu"', "engine 'gpu'"),
        ("[[board", "is no TOML"),
        ("\x00", "is no TOML"),
    ],
)
def test_a_wrong_fleets_file_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "boards.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_boards(path)
