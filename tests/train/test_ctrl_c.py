"""Ctrl-C in training: a press whose KeyboardInterrupt Python drops."""

from __future__ import annotations

import signal
import sys
import weakref

import pytest

from numbre_train.ctrl_c import ctrl_c_remembered, raise_if_pressed


class _Owner:
    """Something that can be collected."""


def test_a_press_during_a_weak_reference_s_callback_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: dropped.append(unraisable.exc_type))
    owner = _Owner()
    watch = weakref.ref(owner, lambda _: signal.raise_signal(signal.SIGINT))
    with ctrl_c_remembered():
        raise_if_pressed()
        del owner
        assert watch() is None
        assert dropped == [KeyboardInterrupt]
        with pytest.raises(KeyboardInterrupt):
            raise_if_pressed()
    raise_if_pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_switched_off_ctrl_c_stays_so() -> None:
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ctrl_c_remembered():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)
