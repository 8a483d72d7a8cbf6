"""The retry budget: repetitions may add a tenth to the calls and no more, however bad the day (failure row R4)."""

from dataclasses import dataclass, field

_ONE_RETRY = 100


@dataclass(slots=True)
class RetryBudget:
    """A bucket that every first call fills a little and every repetition empties by one.

    It starts empty, so that the sum of calls never exceeds `100 + percent` per cent of the needed ones. Counted in
    hundredths of a retry, because fractions of a float would not add up.

    Attributes:
        percent: repetitions allowed per hundred calls.
        most: how many repetitions can be saved up.
    """

    percent: int = 10
    most: int = 20
    _hundredths: int = field(default=0, init=False)

    def deposit(self) -> None:
        """Note one first call."""
        self._hundredths = min(self._hundredths + self.percent, self.most * _ONE_RETRY)

    def withdraw(self) -> bool:
        """Take one repetition out and tell whether there was one."""
        if self._hundredths < _ONE_RETRY:
            return False
        self._hundredths -= _ONE_RETRY
        return True
