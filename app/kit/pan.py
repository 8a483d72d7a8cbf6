"""Finds payment card numbers in text, so that none is ever stored or logged (failure row S18).

A card number is 13 to 19 digits (ISO/IEC 7812), written with single spaces or hyphens or without, whose first digits
belong to a card network (2 to 6, and RuPay's 81 and 82) and whose last digit is the Luhn check digit.
"""

import re
from collections.abc import Iterator

_LEAST = 13
_MOST = 19
# A run is as many digits as stand together, with at most one separator between two of them. `\d` also finds digits
# of other scripts, which `int` reads and a sloppy reader of ours might too.
_RUN = re.compile(r"\d(?:[ -]?\d){12,}")
_SEPARATORS = re.compile(r"[ -]")
_NETWORKS = ("2", "3", "4", "5", "6", "81", "82")


def has_card_number(text: str) -> bool:
    """Tell whether a card number stands anywhere in the text, also between other digits behind a separator."""
    return any(True for _ in _found(text))


def mask_card_numbers(text: str) -> str:
    """Return the text with every card number replaced by a word, for logs."""
    pieces = []
    end = 0
    for start, stop in _found(text):
        pieces += [text[end:start], "[card number]"]
        end = stop
    return "".join([*pieces, text[end:]])


def _found(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of card numbers, from left to right, without overlap."""
    for run in _RUN.finditer(text):
        yield from _found_in_run(run.group(), run.start())


def _found_in_run(run: str, offset: int) -> Iterator[tuple[int, int]]:
    digits = [int(letter) for letter in run if letter not in " -"]
    places = [place for place, letter in enumerate(run) if letter not in " -"]
    even, odd = _luhn_sums(digits)
    # A number begins and ends where a group of digits does: digits inside a longer group are some other number.
    starts, stops = _group_edges(run)
    free_from = 0
    for start in starts:
        if start < free_from or not _is_network(digits, start):
            continue
        for stop in range(min(start + _MOST, len(digits)), start + _LEAST - 1, -1):
            sums = even if stop % 2 == 0 else odd
            if stop in stops and (sums[stop] - sums[start]) % 10 == 0:
                yield offset + places[start], offset + places[stop - 1] + 1
                free_from = stop
                break


def _group_edges(run: str) -> tuple[list[int], set[int]]:
    starts = []
    stops = set()
    position = 0
    for group in _SEPARATORS.split(run):
        starts.append(position)
        position += len(group)
        stops.add(position)
    return starts, stops


def _is_network(digits: list[int], start: int) -> bool:
    return "".join(map(str, digits[start : start + 2])).startswith(_NETWORKS)


def _luhn_sums(digits: list[int]) -> tuple[list[int], list[int]]:
    """Return running Luhn sums, for numbers whose last digit stands before an even and an odd place.

    The sum of any stretch is then one subtraction, so that a long run of digits costs time in proportion.
    """
    even = [0]
    odd = [0]
    for place, digit in enumerate(digits):
        doubled = digit * 2 - 9 if digit > 4 else digit * 2
        even.append(even[-1] + (doubled if place % 2 == 0 else digit))
        odd.append(odd[-1] + (digit if place % 2 == 0 else doubled))
    return even, odd
