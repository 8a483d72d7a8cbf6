"""Every sentence of a page in each language: flat keys in `texts/<language>.toml` of the rooms."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Formatter

LANGUAGE_COOKIE = "pg_lang"
LANGUAGE_PARAMETER = "lang"
FALLBACK = "en"
_FOLDER = "texts"
_LONGEST_HEADER = 256


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts by language and key; a language is there as soon as a room has a file for it."""

    by_language: Mapping[str, Mapping[str, str]]

    @classmethod
    def load(cls, rooms: Iterable[str]) -> "Texts":
        """Read the `texts` folders of these packages. Raises ValueError when two rooms use one key."""
        found: dict[str, dict[str, str]] = {FALLBACK: {}}
        for room in rooms:
            for language, own in _texts_of(room):
                texts = found.setdefault(language, {})
                if twice := sorted(set(own) & set(texts)):
                    message = f"{', '.join(twice)}: two rooms have a text of this key"
                    raise ValueError(message)
                texts |= own
        return cls(found)

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages, the fallback first."""
        return (FALLBACK, *sorted(set(self.by_language) - {FALLBACK}))

    def say(self, language: str, key: str, **facts: object) -> str:
        """Return a sentence with its facts. Raises KeyError for a key or a fact that is not there."""
        texts = self.by_language[language]
        text = texts[key] if key in texts else self.by_language[FALLBACK][key]
        return text.format_map(facts)

    def choose(self, *, wanted: str | None, kept: str | None, accepted: str | None) -> str:
        """Return the language to speak: asked for in the address, kept in the cookie, or accepted by the browser."""
        for language in (wanted, kept):
            if language in self.by_language:
                return str(language)
        return next((one for one in _accepted(accepted or "") if one in self.by_language), FALLBACK)

    def differences(self) -> list[str]:
        """Return where a language lacks a key or a placeholder of the fallback, or has one too many."""
        own = self.by_language[FALLBACK]
        found = []
        for language, texts in self.by_language.items():
            found += [f"{language}: {key} is missing" for key in sorted(set(own) - set(texts))]
            found += [f"{language}: {key} is too many" for key in sorted(set(texts) - set(own))]
            found += [
                f"{language}: {key} has other placeholders"
                for key in sorted(set(texts) & set(own))
                if _placeholders(texts[key]) != _placeholders(own[key])
            ]
        return found


def _texts_of(room: str) -> Iterator[tuple[str, dict[str, str]]]:
    folder = files(room).joinpath(_FOLDER)
    for file in folder.iterdir() if folder.is_dir() else ():
        language, _, kind = file.name.partition(".")
        if kind == "toml":
            yield language, tomllib.loads(file.read_text(encoding="utf-8"))


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _accepted(header: str) -> list[str]:
    """Return the primary languages of an `Accept-Language`, the most wanted first."""
    weighted = []
    for place, part in enumerate(header[:_LONGEST_HEADER].split(",")):
        tag, _, quality = part.strip().partition(";")
        weight = quality.strip().removeprefix("q=") or "1"
        weighted.append((_reversed(weight), place, tag.partition("-")[0].strip().lower()))
    return [language for _, _, language in sorted(weighted)]


def _reversed(weight: str) -> int:
    """Return a quality such as 0.8 as thousandths, negated, so that the greatest sorts first; nonsense comes last."""
    whole, _, fraction = weight.partition(".")
    digits = (whole or "0") + fraction[:3].ljust(3, "0")
    return -int(digits) if digits.isdecimal() and digits.isascii() else 0
