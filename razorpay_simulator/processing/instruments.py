"""The documented test instruments and what they decide (razorpay.md section 10.3)."""

from dataclasses import dataclass

SUCCESS_VPA = "success@razorpay"
FAILURE_VPA = "failure@razorpay"
SUCCESS_CARD = "4100280000001007"

_REASONS = {
    "payment_timed_out": ("4100280000090000", "5305620000060000"),
    "insufficient_funds": ("4100280000080001", "5305620000050001"),
    "payment_cancelled": ("4100280000070002", "5305620000040002"),
    "card_declined": (
        "4100280000060003",
        "4100280000050004",
        "4100280000040005",
        "5305620000030003",
        "5305620000020004",
        "5305620000010005",
    ),
    "card_disabled_for_online_payments": ("4100280000030006", "5305620000000006"),
    "card_number_invalid": ("4100280000010008", "5305620000080008"),
    "gateway_technical_error": ("4100280000020007", "5305620000090007"),
    "authentication_failed": ("4100280000000009", "5305620000070009"),
}
FAILING_CARDS = {number: reason for reason, numbers in _REASONS.items() for number in numbers}
INTERNATIONAL_CARDS = frozenset({"4012888888881881", "5555555555554444", "5105105105105100", "5104060000000008"})
_CREDIT_CARDS = frozenset({"5104015555555558", "5241810000000000", "340256000401007", "36082800091007"})
_NETWORKS = (
    (("34", "37"), "American Express"),
    (("30", "36", "38"), "Diners Club"),
    (("60", "65", "81", "82"), "RuPay"),
    (("51", "52", "53", "54", "55", "22", "23", "24", "25", "26", "27"), "MasterCard"),
    (("50", "56", "57", "58", "63", "67"), "Maestro"),
    (("4",), "Visa"),
)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card number tells."""

    last4: str
    network: str
    type: str
    issuer: str | None
    is_international: bool


def card_facts(number: str) -> CardFacts:
    """Return what may be known of a card; the number itself is not kept."""
    network = next((name for heads, name in _NETWORKS if number.startswith(heads)), "Unknown")
    is_international = number in INTERNATIONAL_CARDS
    return CardFacts(
        last4=number[-4:],
        network=network,
        type="credit" if number in _CREDIT_CARDS else "debit",
        issuer=None if is_international else "HDFC",
        is_international=is_international,
    )


def passes_luhn(number: str) -> bool:
    """Tell whether the digits can be a card number."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(digit * 2, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0


def reason_of_failure(method: str, *, card_number: str | None, vpa: str | None) -> str | None:
    """Return why this instrument fails, None when it succeeds."""
    if method == "card" and card_number is not None:
        if not passes_luhn(card_number):
            return "card_number_invalid"
        return FAILING_CARDS.get(card_number)
    return "payment_failed" if method == "upi" and vpa == FAILURE_VPA else None
