"""Which amounts the processor takes, checked before it is asked (failure row A14).

Source: the processor's page on international payments (currencies and exponents, April 2026) and its order errors.
"""

from app.kit.money import MAX_MINOR, Money, exponents

# The currencies that Razorpay lists; ISO 4217 has since retired HRK and SLL, so no amount in them can be built.
_LISTED = """
    AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CLP CNY COP
    CRC CUP CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD GBP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR
    ILS INR IQD ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LKR LRD LSL MAD MDL MGA MKD MMK MNT
    MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SCR SEK SGD SLL SOS SVC SZL THB TND TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV XAF XCD XOF XPF
    YER ZAR ZMW
"""
CURRENCIES = frozenset(_LISTED.split()) & frozenset(exponents())

_MINIMUM = {"INR": 100}
_THREE_DECIMALS = 3


def refusal_of(amount: Money) -> str | None:
    """Return why the processor would refuse this amount, as one sentence, or None when it may be asked."""
    if amount.currency not in CURRENCIES:
        return "The processor does not take this currency."
    minimum = _MINIMUM.get(amount.currency, 1)
    if amount.minor < minimum:
        return f"The least amount in {amount.currency} is {minimum} in minor units."
    if amount.minor > MAX_MINOR:
        return f"The largest amount is {MAX_MINOR} in minor units."
    if exponents()[amount.currency] == _THREE_DECIMALS and amount.minor % 10:
        return f"Amounts in {amount.currency} end in 0: the processor ignores the third decimal."
    return None
