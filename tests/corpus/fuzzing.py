"""How much is fuzzed, and how bytes are damaged."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# `make fuzz` sets it to 10,000, and draws other cases at every run.
CASES = int(os.environ.get("FLOWSHOT_FUZZ_CASES", "100"))
LONG = "FLOWSHOT_FUZZ_CASES" in os.environ

# What headers are most sensitive to: none, all, the signs, and sizes just beyond what 16 and 32 bit hold.
SPECIAL = [b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]


def fuzz(share: float = 1.0) -> settings:
    """Settings of a property that gets this share of the cases."""
    return settings(
        max_examples=max(1, round(CASES * share)), deadline=None, derandomize=not LONG, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def damaged(originals: st.SearchStrategy[bytes], most: int = 12) -> st.SearchStrategy[bytes]:
    """One of the originals, with up to so many changes, most of them near its beginning."""
    places = st.one_of(st.integers(0, 100), st.integers(0, 10_000))
    new = st.one_of(st.sampled_from(SPECIAL), st.binary(min_size=1, max_size=8))
    changes = st.lists(
        st.tuples(st.sampled_from(["set", "insert", "delete", "cut", "repeat"]), places, new), max_size=most
    )
    return st.builds(_changed, originals, changes)


def _changed(original: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    content = bytearray(original)
    for change, place, new in changes:
        place %= len(content) + 1
        if change == "set":
            content[place : place + len(new)] = new
        elif change == "insert":
            content[place:place] = new
        elif change == "delete":
            del content[place : place + 16 * len(new)]
        elif change == "cut":
            # Seldom right at the beginning, after which there would be nothing left to change.
            del content[max(place, len(content) // 2) :]
        else:
            content[place:place] = content[place : place + 16 * len(new)]
    return bytes(content)
