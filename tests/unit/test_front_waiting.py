"""Asked to stop, a long wait for the CRM ends at once; a short one belongs to the batch in hand."""

from __future__ import annotations

import threading
import time

import pytest

from connectors.errors import Unavailable
from leadsla.wiring import patience


def test_a_long_wait_ends_as_soon_as_somebody_asks_to_stop() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="nothing is lost"):
        patience("hubspot", stop)(30.0)
    assert time.monotonic() - started < 30


def test_a_short_wait_is_waited_out_so_that_the_batch_in_hand_is_finished() -> None:
    stop = threading.Event()
    stop.set()
    patience("hubspot", stop)(0.01)
