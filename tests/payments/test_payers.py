"""Who paid: learnt from the attempt that pays, sealed for one merchant and mode, and the first word stays."""

from dataclasses import replace

import pytest

from app.gateways.payer import Payer
from app.gateways.port import AttemptStatus
from app.kit.scope import Mode
from app.payments.payers import Payers, plain_payer
from app.tenants.vault import Vault
from tests.payments.samples import SCOPE, attempt, payment, primary, snapshot

PAYERS = Payers(Vault.of("a secret"))
ASHA = Payer(email="asha@example.org", phone="+919812345670")
CAPTURED = snapshot(AttemptStatus.CAPTURED, payer=ASHA)


def paid(**changes):
    return payment(attempts=(primary(AttemptStatus.CAPTURED),), **changes)


def test_the_attempt_that_pays_says_who_paid_and_the_first_word_stays():
    learnt = PAYERS.learn(paid(), CAPTURED)
    assert PAYERS.open(SCOPE, learnt.payer) == ASHA
    assert PAYERS.learn(learnt, replace(CAPTURED, payer=Payer(email="other@example.org"))) is learnt


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (payment(), CAPTURED),
        (payment(attempts=(attempt(AttemptStatus.FAILED),)), CAPTURED),
        (paid(), replace(CAPTURED, id="pay_B")),
        (paid(), replace(CAPTURED, payer=None)),
        (paid(), replace(CAPTURED, payer=Payer())),
        (paid(), replace(CAPTURED, payer=Payer(email="nobody", phone="12"))),
    ],
)
def test_of_nobody_of_another_attempt_and_of_nonsense_nothing_is_learnt(known, said):
    assert PAYERS.learn(known, said).payer is None


def test_names_are_kept_in_one_spelling():
    written = replace(CAPTURED, payer=Payer(email=" Asha@Example.org", phone="098123 45670"))
    assert PAYERS.open(SCOPE, PAYERS.learn(paid(), written).payer) == ASHA
    assert plain_payer(email="nobody", phone="9812345670") == Payer(phone=ASHA.phone)


def test_t6_what_is_kept_shows_nobody_and_opens_for_its_own_merchant_and_mode_alone():
    learnt = PAYERS.learn(paid(), CAPTURED)
    assert "asha" not in f"{learnt}{CAPTURED}{learnt.payer}{ASHA}"
    assert "98123" not in f"{learnt}{CAPTURED}{learnt.payer}{ASHA}"
    for scope in (replace(SCOPE, tenant="mer_2"), replace(SCOPE, mode=Mode.LIVE)):
        assert PAYERS.open(scope, learnt.payer) == Payer()
    assert Payers(Vault.of("another secret")).open(SCOPE, learnt.payer) == Payer()
    assert Payers(Vault.of("another secret", "a secret")).open(SCOPE, learnt.payer) == ASHA
