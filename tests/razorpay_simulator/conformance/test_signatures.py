"""The documented signatures: known answers, and the official verifiers take ours and nothing else."""

import hashlib
import hmac

import pytest
import razorpay

from razorpay_simulator import signatures
from tests.razorpay_simulator.test_webhooks import SECRET, register

# Recomputed from the test suites of the official clients (razorpay 2.0.1 on PyPI, razorpay 2.9.8 on npm).
KNOWN = [
    (
        "EnLs21M47BllR3X8PSFtjtbd",
        "order_IEIaMR65cu6nz3|pay_IH4NVgf4Dreq1l",
        "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f",
    ),
    (
        "EnLs21M47BllR3X8PSFtjtbd",
        "plink_IH3cNucfVEgV68|TSsd1989|paid|pay_IH3d0ara9bSsjQ",
        "07ae18789e35093e51d0a491eb9922646f3f82773547e5b0f67ee3f2d3bf7d5b",
    ),
    (
        "EnLs21M47BllR3X8PSFtjtbd",
        "pay_IDZNwZZFtnjyym|sub_ID6MOhgkcoHj9I",
        "601f383334975c714c91a7d97dd723eb56520318355863dcf3821c0d07a17693",
    ),
    ("key_secret", "fake_order_id|fake_payment_id", "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89"),
    ("123456", '{"a":1,"b":2,"c":{"d":3}}', "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc"),
]


@pytest.mark.parametrize(("secret", "message", "signature"), KNOWN)
def test_the_known_answers_are_hmac_sha256_in_hexadecimal(secret, message, signature):
    assert hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest() == signature
    assert signatures.sign(message.encode(), secret) == signature


async def test_the_official_verifier_takes_the_checkouts_signature_and_no_other(call):
    paid = await call.pay(await call.order(), method="card")
    client = razorpay.Client(auth=(call.key_id, call.key_secret))
    callback = {name: paid[name] for name in ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")}
    assert client.utility.verify_payment_signature(callback)
    for name in callback:
        altered = callback | {name: callback[name][:-1] + ("0" if callback[name][-1] != "0" else "1")}
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            client.utility.verify_payment_signature(altered)


async def test_the_official_verifier_takes_a_webhooks_signature_and_no_other(call, receiver):
    await register(call, receiver.url)
    await call.captured()
    await call.advance(1)
    client = razorpay.Client(auth=(call.key_id, call.key_secret))
    assert receiver.got
    for headers, body in receiver.got:
        signature = headers["X-Razorpay-Signature"]
        assert client.utility.verify_webhook_signature(body.decode(), signature, SECRET)
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            client.utility.verify_webhook_signature(body.decode() + " ", signature, SECRET)
