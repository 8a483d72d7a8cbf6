"""Secrets at rest: they open with their key and their purpose, whole, or not at all."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.tenants.vault import SealBroken, Vault

MASTER = "the master secret of this deployment"
OTHER = "the master secret that came after it"
PURPOSE = "key:mer_1:test"
SEALED = Vault.of(MASTER).seal("a secret", purpose=PURPOSE)


@given(st.text(st.characters(codec="utf-8"), max_size=300), st.text(st.characters(codec="utf-8"), max_size=50))
@settings(max_examples=60, deadline=None)
def test_what_is_sealed_opens_again_and_shows_nothing(secret, purpose):
    vault = Vault.of(MASTER)
    sealed = vault.seal(secret, purpose=purpose)
    assert vault.open(sealed, purpose=purpose) == secret
    assert sealed != vault.seal(secret, purpose=purpose)
    assert len(secret) < 8 or secret not in sealed


@pytest.mark.parametrize("purpose", ["", "key:mer_2:test", "key:mer_1:live", "webhook:mer_1", PURPOSE + " "])
def test_s13_a_sealed_secret_of_another_merchant_mode_or_use_does_not_open(purpose):
    with pytest.raises(SealBroken):
        Vault.of(MASTER).open(SEALED, purpose=purpose)


@given(position=st.integers(0, len(base64.urlsafe_b64decode(SEALED.split(".")[2])) - 1), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_an_altered_ciphertext_does_not_open(position, bit):
    version, name, content = SEALED.split(".")
    raw = bytearray(base64.urlsafe_b64decode(content))
    raw[position] ^= 1 << bit
    altered = f"{version}.{name}.{base64.urlsafe_b64encode(raw).decode()}"
    with pytest.raises(SealBroken):
        Vault.of(MASTER).open(altered, purpose=PURPOSE)


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        "plain text",
        "v1.x",
        SEALED.replace("v1.", "v2.", 1),
        SEALED[:-1],
        SEALED[:-4],
        SEALED[:20],
        SEALED.rsplit(".", 1)[0] + ".",
        SEALED.rsplit(".", 1)[0] + ".é",
        "v1.00000000." + SEALED.rsplit(".", 1)[1],
        SEALED + "AAAA",
    ],
    ids=range(11),
)
def test_what_is_no_whole_seal_does_not_open(sealed):
    with pytest.raises(SealBroken):
        Vault.of(MASTER).open(sealed, purpose=PURPOSE)


def test_a_previous_master_opens_and_no_longer_seals():
    rotated = Vault.of(OTHER, MASTER)
    assert rotated.open(SEALED, purpose=PURPOSE) == "a secret"
    fresh = rotated.seal("a secret", purpose=PURPOSE)
    assert Vault.of(OTHER).open(fresh, purpose=PURPOSE) == "a secret"
    for vault, sealed in ((Vault.of(OTHER), SEALED), (Vault.of(MASTER), fresh), (Vault.of(OTHER, ""), SEALED)):
        with pytest.raises(SealBroken):
            vault.open(sealed, purpose=PURPOSE)


def test_t6_a_vault_shows_no_key():
    assert repr(Vault.of(MASTER)) == str(Vault.of(MASTER)) == "Vault()"
