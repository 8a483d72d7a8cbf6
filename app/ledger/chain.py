"""The chain of a book: every entry's digest covers the entry and the digest before it. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from app.kit.clock import to_rfc3339
from app.ledger.balances import Balances, differences, fold, merge, totals
from app.ledger.documents import entry_from_document
from app.ledger.models import Posting, Seal

GENESIS = "0" * 64
"""What the first entry of a book has for the digest before it."""


class Flaw(StrEnum):
    """What can be wrong with a book. The words are permanent."""

    ENTRY_MISSING = "entry_missing"
    ENTRY_ALTERED = "entry_altered"
    ENTRY_MALFORMED = "entry_malformed"
    LINK_BROKEN = "link_broken"
    HEAD_DIFFERS = "head_differs"
    BALANCE_DIFFERS = "balance_differs"
    DAYS_DIFFER = "days_differ"
    BOOK_UNBALANCED = "book_unbalanced"


@dataclass(frozen=True, slots=True)
class Break:
    """One flaw, and where it is.

    Attributes:
        flaw: what is wrong.
        sequence: the place in the chain, of a flaw that has one.
        entry_id: the entry, where one is there to be named.
        line: currency and account, of a sum that is wrong.
        says: what was found and what should be there, for people.
    """

    flaw: Flaw
    sequence: int | None = None
    entry_id: str | None = None
    line: str | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a book ends: the last sealed entry, and what all sealed entries come to."""

    sequence: int = 0
    digest: str = GENESIS
    balances: Balances = field(default_factory=dict)


def digest_of(document: Mapping[str, Any], *, sequence: int, previous: str) -> str:
    """Return the digest that an entry must carry at a place in the chain: SHA-256 over everything but its seal."""
    facts = {name: value for name, value in document.items() if name != "seal"}
    text = json.dumps([sequence, previous, facts], sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    # Entries hold numbers, text and moments only: anything else was put there by others, and must not stop the check.
    return to_rfc3339(value) if isinstance(value, datetime) else repr(value)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sealing writes: a seal for each entry, and how far the book gets."""

    seals: Mapping[str, Seal]
    postings: Sequence[tuple[datetime, Posting]]
    head: Head


def plan_seals(head: Head, documents: Iterable[Mapping[str, Any]]) -> Plan:
    """Return how unsealed entries follow the head. What is no entry gets no place: `verify` names it."""
    seals: dict[str, Seal] = {}
    postings: list[tuple[datetime, Posting]] = []
    sequence, digest = head.sequence, head.digest
    for document in documents:
        posting = _posting_of(document)
        if posting is None:
            continue
        sequence, previous = sequence + 1, digest
        digest = digest_of(document, sequence=sequence, previous=previous)
        seals[document["_id"]] = Seal(sequence, previous, digest)
        postings.append((document["recorded_at"], posting))
    balances = merge(head.balances, fold(posting for _, posting in postings))
    return Plan(seals, postings, Head(sequence, digest, balances))


def walk(reached: Head, documents: Iterable[Mapping[str, Any]]) -> tuple[Head, list[Break]]:
    """Follow the chain from a place that was reached; return the new place and what is wrong on the way.

    One flaw is told once: the walk goes on from what the flawed entry says of itself.
    """
    breaks: list[Break] = []
    postings: list[Posting] = []
    sequence, digest = reached.sequence, reached.digest
    for document in documents:
        seal = document["seal"]
        place, previous, said = int(seal["sequence"]), seal.get("previous"), seal.get("digest")
        flaw = partial(Break, sequence=place, entry_id=str(document["_id"]))
        if place != sequence + 1:
            breaks.append(_missing(sequence + 1, place - 1))
        elif previous != digest:
            breaks.append(flaw(Flaw.LINK_BROKEN, says="it follows another entry than the one before it"))
        posting = _posting_of(document)
        if digest_of(document, sequence=place, previous=previous) != said:
            breaks.append(flaw(Flaw.ENTRY_ALTERED, says="its digest is not that of what it says"))
        elif posting is None:
            breaks.append(flaw(Flaw.ENTRY_MALFORMED, says="it is no balanced entry"))
        if posting is not None:
            postings.append(posting)
        sequence, digest = place, said
    return Head(sequence, digest, merge(reached.balances, fold(postings))), breaks


def malformed(documents: Iterable[Mapping[str, Any]]) -> list[Break]:
    """Return what among unsealed documents is no entry, and therefore never gets a place."""
    return [
        Break(Flaw.ENTRY_MALFORMED, entry_id=str(document["_id"]), says="it is no balanced entry, and has no place")
        for document in documents
        if _posting_of(document) is None
    ]


def compare(reached: Head, stored: Head, *, highest: int) -> list[Break]:
    """Return how the end of a walk from the beginning differs from what the book says of itself.

    Args:
        reached: where the walk ended, with the fold of everything on the way.
        stored: the book's head.
        highest: the highest place that any entry has.
    """
    breaks = compare_ends(reached, stored, highest=highest)
    for line, (found, wanted) in differences(stored.balances, reached.balances).items():
        says = f"stored {found.debit}/{found.credit}, entries {wanted.debit}/{wanted.credit} (debit/credit)"
        breaks.append(Break(Flaw.BALANCE_DIFFERS, line=" ".join(line), says=says))
    return breaks


def compare_ends(reached: Head, stored: Head, *, highest: int) -> list[Break]:
    """Return how the last entry that a walk reached differs from the book's head."""
    if reached.sequence < stored.sequence:
        return [_missing(reached.sequence + 1, stored.sequence)]
    if highest > stored.sequence:
        return [Break(Flaw.HEAD_DIFFERS, highest, says=f"there is an entry behind the book's end at {stored.sequence}")]
    if reached.digest != stored.digest:
        return [Break(Flaw.HEAD_DIFFERS, stored.sequence, says="the book ends in another digest than its last entry")]
    return []


def compare_sums(stored: Balances, days: Balances) -> list[Break]:
    """Return in what the stored balances do not balance, or are not the sum of the stored days."""
    breaks = [
        Break(Flaw.BOOK_UNBALANCED, line=currency, says=f"debit {total.debit}, credit {total.credit}")
        for currency, total in sorted(totals(stored).items())
        if total.debit != total.credit
    ]
    for line, (found, summed) in differences(stored, days).items():
        says = f"stored {found.debit}/{found.credit}, days {summed.debit}/{summed.credit} (debit/credit)"
        breaks.append(Break(Flaw.DAYS_DIFFER, line=" ".join(line), says=says))
    return breaks


def _missing(first: int, last: int) -> Break:
    says = "it is not there" if first == last else f"{last - first + 1} entries are not there, up to {last}"
    return Break(Flaw.ENTRY_MISSING, first, says=says)


def _posting_of(document: Mapping[str, Any]) -> Posting | None:
    try:
        return entry_from_document(dict(document)).posting
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
