"""Currencies the processor takes, and how many digits their minor unit has (razorpay.md section 1)."""

_WITHOUT_MINOR_UNIT = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD OMR TND"
_HUNDREDTHS = (
    "AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CNY COP CRC CUP CVE "
    "CZK DKK DOP DZD EGP ETB EUR FJD GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD "
    "KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK "
    "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SLL SOS SSP SVC SZL THB TOP TRY TTD TWD TZS UAH USD UYU UZS WST "
    "XCD YER ZAR ZMW"
)
_EXPONENTS = {
    code: digits
    for digits, codes in ((0, _WITHOUT_MINOR_UNIT), (2, _HUNDREDTHS), (3, _THOUSANDTHS))
    for code in codes.split()
}


def exponent(currency: str) -> int | None:
    """Return how many digits follow the major unit, or None for a currency that isn't taken."""
    return _EXPONENTS.get(currency)


def minimum(currency: str) -> int:
    """Return the smallest amount, in minor units."""
    return 100 if currency == "INR" else 1
