"""Finds payment card numbers in text, so that none is ever stored or logged (failure row S18).

A card number is 13 to 19 digits (ISO/IEC 7812) whose first two belong to a card network that issues numbers of that
length, and whose last is the Luhn check digit; it is written in one piece, or in the groups that cards show, with
single spaces or hyphens. The narrow rule is for the merchants: order numbers and time stamps have many digits too, and
a tenth of all numbers passes Luhn. Digests are passed over: one in a thousand of SHA-256 has a run of digits that looks
like a card number, and every payment that is verified carries one, its signature.
"""

import re
from collections.abc import Iterator

_LEAST = 13
_MOST = 19
# A run is as many digits as stand together, with at most one separator between two of them. `\d` also finds digits
# of other scripts, which `int` reads and a sloppy reader of ours might too.
# What follows a plus is a telephone number, and what follows a point the rest of a fraction.
_RUN = re.compile(r"(?<!\d)(?<!\d\.)(?<!\+)\d(?:[ -]?\d){12,}")
_SEPARATORS = re.compile(r"[ -]")
# Hexadecimal digits, as many as an ObjectId has, an UUID or a trace id, SHA-1, 192 bits, SHA-256, SHA-384, SHA-512.
_DIGEST = re.compile(
    "|".join(
        rf"(?<![0-9A-Za-z]){shape.replace('h', hexadecimal)}(?![0-9A-Za-z])"
        for hexadecimal in ("[0-9a-f]", "[0-9A-F]")
        for shape in (*(f"h{{{size}}}" for size in (24, 32, 40, 48, 64, 96, 128)), "h{8}-h{4}-h{4}-h{4}-h{12}")
    )
)
_ANY = frozenset(range(_LEAST, _MOST + 1))
_LONG = frozenset(range(16, _MOST + 1))
# Lengths by the first two digits, from the networks' published ranges: Visa, Mastercard, American Express, Diners Club,
# JCB, Maestro with Discover, UnionPay and RuPay.
_LENGTHS: dict[str, frozenset[int]] = {
    **{f"4{digit}": frozenset({13, 16, 19}) for digit in range(10)},
    **{str(head): frozenset({16}) for head in (*range(22, 28), *range(51, 56))},
    **{head: frozenset({15}) for head in ("34", "37")},
    **{head: frozenset({14, *_LONG}) for head in ("30", "36", "38", "39")},
    "35": _LONG,
    **dict.fromkeys(("50", "56", "57", "58"), _ANY),
    **{str(head): _ANY for head in range(60, 70)},
    **dict.fromkeys(("81", "82"), _LONG),
}
_NO_LENGTHS: frozenset[int] = frozenset()
# Besides fours with a shorter rest: American Express, Diners Club.
_SHAPES = frozenset({(4, 6, 5), (4, 6, 4)})


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
    if _RUN.search(text) is None:
        return
    for run in _RUN.finditer(_DIGEST.sub(lambda digest: "x" * len(digest.group()), text)):
        yield from _found_in_run(run.group(), run.start())


def _found_in_run(run: str, offset: int) -> Iterator[tuple[int, int]]:
    digits = [int(letter) for letter in run if letter not in " -"]
    places = [place for place, letter in enumerate(run) if letter not in " -"]
    even, odd = _luhn_sums(digits)
    # A number begins and ends where a group of digits does: digits inside a longer group are some other number.
    groups = [len(group) for group in _SEPARATORS.split(run)]
    start = free_from = 0
    for number, size in enumerate(groups):
        for stop in _stops(groups, number, start) if start >= free_from else ():
            sums = even if stop % 2 == 0 else odd
            if stop - start in _lengths_of(digits, start) and (sums[stop] - sums[start]) % 10 == 0:
                yield offset + places[start], offset + places[stop - 1] + 1
                free_from = stop
                break
        start += size


def _stops(groups: list[int], first: int, start: int) -> list[int]:
    """Return where a number that starts with a group may stop, the longest first."""
    stops = []
    stop = start
    for last in range(first, min(first + _MOST, len(groups))):
        stop += groups[last]
        if stop - start > _MOST:
            break
        if stop - start >= _LEAST and _is_written_so(groups[first : last + 1]):
            stops.append(stop)
    return stops[::-1]


def _is_written_so(sizes: list[int]) -> bool:
    """Tell whether people write card numbers in groups of these sizes: one piece, fours, or each digit by itself."""
    if len(sizes) == 1 or tuple(sizes) in _SHAPES:
        return True
    each = sizes[0]
    return each in {1, 4} and all(size == each for size in sizes[:-1]) and sizes[-1] <= each


def _lengths_of(digits: list[int], start: int) -> frozenset[int]:
    return _LENGTHS.get("".join(map(str, digits[start : start + 2])), _NO_LENGTHS)


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
