"""Seconds by step."""

import time
from contextlib import contextmanager


class Clock(dict):
    """{step: seconds}; `with clock(step)` adds to it, `clock.each(step, items)` times how long items take to come."""

    @contextmanager
    def __call__(self, step):
        """Add the block's seconds to a step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self[step] = self.get(step, 0.0) + time.perf_counter() - start

    def each(self, step, items):
        """Yield the items, adding the seconds they took to come."""
        items = iter(items)
        while True:
            with self(step):
                item = next(items, None)
            if item is None:
                return
            yield item
