"""A property that is computed once for each object, without a lock that objects share."""

from __future__ import annotations

import threading

from bizosaas_xero.toolkit.lazy import lazy_property


class _Thing:
    def __init__(self, work) -> None:
        self.work, self.computed = work, 0

    @lazy_property
    def value(self):
        """What it is."""
        self.computed += 1
        return self.work()


def test_it_is_computed_once_and_kept_in_the_object():
    thing = _Thing(lambda: 7)
    assert [thing.value, thing.value, thing.computed] == [7, 7, 1]
    assert _Thing.value.__doc__ == "What it is."


def test_one_object_that_waits_holds_up_no_other():
    """With `functools.cached_property` of Python 3.11 the second object would wait for the first one."""
    go = threading.Event()
    slow = _Thing(lambda: go.wait(30))
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    quick = threading.Thread(target=lambda: _Thing(lambda: 1).value)
    quick.start()
    quick.join(10)
    waited = quick.is_alive()
    go.set()
    thread.join()
    assert not waited
