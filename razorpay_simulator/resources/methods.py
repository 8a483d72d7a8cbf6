"""What checkout may offer, and what a card's first digits tell: `/v1/methods` and `/v1/iins`."""

from typing import Any

from razorpay_simulator.calls import Call, Route
from razorpay_simulator.errors import bad_request
from razorpay_simulator.processing.instruments import card_facts

_BANKS = {"HDFC": "HDFC Bank", "ICIC": "ICICI Bank", "KKBK": "Kotak Mahindra Bank", "SBIN": "SBI", "UTIB": "Axis Bank"}
_IIN_LENGTH = 6


def show_methods(_: Call) -> Any:
    """Return the methods of the account; all accounts have the same."""
    return {
        "entity": "methods",
        "card": True,
        "debit_card": True,
        "credit_card": True,
        "prepaid_card": True,
        "card_networks": {"AMEX": 1, "DICL": 1, "MC": 1, "MAES": 1, "VISA": 1, "RUPAY": 1},
        "amex": True,
        "netbanking": dict(_BANKS),
        "wallet": {"payzapp": True, "olamoney": True, "jiomoney": True, "airtelmoney": True},
        "emi": False,
        "upi": True,
        "upi_intent": True,
        "cardless_emi": [],
        "paylater": [],
        "recurring": {},
    }


def show_iin(call: Call) -> Any:
    """Return what a card's first six digits tell."""
    iin = call.path_params["iin"]
    if not (iin.isascii() and iin.isdigit() and len(iin) == _IIN_LENGTH):
        raise bad_request(f"The iin must be {_IIN_LENGTH} digits.", field="iin")
    facts = card_facts(iin)
    return {
        "iin": iin,
        "entity": "iin",
        "network": facts.network,
        "type": facts.type,
        "sub_type": "consumer",
        "issuer_code": facts.issuer,
        "issuer_name": _BANKS.get(facts.issuer or ""),
        "international": facts.is_international,
        "tokenised": False,
        "emi": {"available": False},
        "recurring": {"available": True},
        "authentication_types": [{"type": "3ds"}, {"type": "otp"}],
    }


ROUTES = (
    Route("GET", "/v1/methods", show_methods, is_public=True),
    # One of the official clients leaves the version out.
    Route("GET", "/methods", show_methods, is_public=True),
    Route("GET", "/v1/iins/{iin}", show_iin),
)
