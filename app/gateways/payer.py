"""Who paid, in our words: the one noun of the processor's that is a person."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Payer:
    """An e-mail address, a telephone number, or neither. The representation shows none: they are personal data."""

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.email is not None or self.phone is not None
