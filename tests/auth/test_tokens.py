"""Forged, worn-out and damaged tokens: a table of each kind, and mutations of a good one."""

import base64
import hmac
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.auth.problems import TokenInvalid
from app.auth.tokens import AUDIENCE, ISSUER, TYPE, Tokens, mode_of_key_secret, read_basic, session_of_refresh
from app.kit.clock import MovableClock
from app.kit.scope import Mode

SECRET = "a secret of this deployment, long enough 1"
OTHER = "a secret of another deployment, long enough"
MINUTES = 15
DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
ALGORITHMS = list(DIGESTS)


def tokens_of(secret=SECRET, *, previous="", algorithm="HS256", clock=None):
    return Tokens.create(
        clock=clock or MovableClock(),
        algorithm=algorithm,
        secret=secret,
        previous_secret=previous,
        access_minutes=MINUTES,
    )


GOOD = tokens_of()
NOW = int(MovableClock().now().timestamp())
TOKEN = GOOD.issue_access(user_id="usr_1", tenant="mer_1", role="owner", session_id="ses_1")
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "usr_1",
    "tenant": "mer_1",
    "role": "owner",
    "sid": "ses_1",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + MINUTES * 60,
}
ABSENT = ...  # its text is the same in every process, as parallel runs need


def encoded(part):
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(*, claims=CLAIMS, secret=SECRET, alg="HS256", **header):
    """Return a token signed with a right key, however wrong the rest is; ABSENT leaves a header parameter out."""
    full = {"alg": alg, "kid": GOOD.current, "typ": TYPE, **header}
    full = {name: value for name, value in full.items() if value is not ABSENT}
    return raw_signed(full, json.dumps(claims).encode(), secret=secret, digest=DIGESTS.get(alg, "sha256"))


def raw_signed(header, payload, *, secret=SECRET, digest="sha256"):
    """Sign by hand what a library refuses to make."""
    content = f"{encoded(header)}.{encoded(payload)}"
    return f"{content}.{encoded(hmac.digest(secret.encode(), content.encode(), digest))}"


def claiming(**changes):
    return signed(claims={name: value for name, value in {**CLAIMS, **changes}.items() if value is not ABSENT})


def unsigned(alg):
    return f"{encoded({'alg': alg, 'kid': GOOD.current, 'typ': TYPE})}.{encoded(CLAIMS)}."


def refused(token):
    with pytest.raises(TokenInvalid):
        GOOD.read_access(token)


HEAD, BODY, SIGNATURE = TOKEN.split(".")
FORGED = {
    **{f"alg {alg!r} without a signature": unsigned(alg) for alg in ("none", "NONE", "None", "nOnE", "", "HS256")},
    **{f"alg {alg} with the right key": signed(alg=alg) for alg in ("HS384", "HS512")},
    **{
        f"alg {alg} named over an HS256 signature": raw_signed(
            {"alg": alg, "kid": GOOD.current, "typ": TYPE}, json.dumps(CLAIMS).encode()
        )
        for alg in ("none", "RS256", "PS256", "ES256", "EdDSA", "hs256", "dir", 5, None, ["HS256"])
    },
    "no alg": signed(alg=ABSENT),
    "another key under our kid": signed(secret=OTHER),
    "an empty signature": f"{HEAD}.{BODY}.",
    "no signature": f"{HEAD}.{BODY}",
    "only a header": HEAD,
    "nothing": "",
    "dots": "..",
    "more dots": f"{TOKEN}.",
    "five parts": f"{TOKEN}.{BODY}.{SIGNATURE}",
    "parts swapped": f"{BODY}.{HEAD}.{SIGNATURE}",
    "a payload that is a list": raw_signed({"alg": "HS256", "kid": GOOD.current, "typ": TYPE}, b"[]"),
    "a payload that is no JSON": raw_signed({"alg": "HS256", "kid": GOOD.current, "typ": TYPE}, b"{"),
    "a header that is a list": raw_signed(["HS256"], json.dumps(CLAIMS).encode()),
    "a header nested deep": f"{encoded(b'[' * 2000 + b']' * 2000)[:3900]}.{BODY}.{SIGNATURE}",
    "too long": TOKEN + "A" * 5000,
    "not ASCII": TOKEN[:-1] + "é",
    "another role in the payload": f"{HEAD}.{encoded({**CLAIMS, 'role': 'admin', 'sub': 'usr_2'})}.{SIGNATURE}",
}
POINTING = {
    "crit": ["exp"],
    "zip": "DEF",
    "b64": False,
    "jku": "https://evil.example/keys",
    "x5u": "https://evil.example/cert",
    "jwk": {"kty": "oct", "k": encoded(OTHER.encode())},
    "x5c": ["MIIB"],
    "cty": "JWT",
}
KIDS = ["../../etc/passwd", "' OR 1=1 --", "https://evil.example/key", "", "0" * 16, 7, None, ["x"], {"$ne": ""}]
BAD_CLAIMS = [
    *({name: ABSENT} for name in ("iss", "aud", "sub", "sid", "tenant", "iat", "nbf", "exp")),
    *({"iss": value} for value in ("", "somebody", None, [ISSUER])),
    *({"aud": value} for value in ("", "somebody", None, ["somebody"], [AUDIENCE, "somebody"])),
    *({name: value} for name in ("sub", "sid", "tenant") for value in (None, 1, {"$ne": ""}, ["usr_1"])),
    *({name: value} for name in ("iat", "nbf", "exp") for value in (None, "soon", 1.5, True)),
    {"exp": NOW - 30},
    {"exp": 0},
    {"exp": -1},
    {"exp": 10**12},
    {"exp": NOW + MINUTES * 60 + 1},
    {"nbf": NOW + 31},
    {"iat": NOW + 31, "exp": NOW + 60},
    {"iat": -(10**15)},
]


def test_a_fresh_token_says_who_asks():
    claims = GOOD.read_access(TOKEN)
    assert (claims.user_id, claims.session_id, claims.expires_at) == ("usr_1", "ses_1", NOW + MINUTES * 60)
    assert GOOD.read_access(claiming()) == claims  # the tables below start from a token that is good


@pytest.mark.parametrize("name", FORGED)
def test_s1_a_forged_token_is_refused(name):
    refused(FORGED[name])


@pytest.mark.parametrize("parameter", POINTING)
def test_s2_a_header_that_points_somewhere_is_refused(parameter):
    refused(signed(**{parameter: POINTING[parameter]}))


@pytest.mark.parametrize("kid", KIDS, ids=repr)
def test_s2_a_kid_picks_one_of_our_keys_or_nothing(kid):
    refused(signed(kid=kid))
    refused(signed(kid=ABSENT))


@pytest.mark.parametrize("typ", ["JWT", "at+JWT ", "application/at+jwt", "refresh", "", None, ABSENT])
def test_s3_a_token_of_another_type_is_refused(typ):
    refused(signed(typ=typ))


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=str)
def test_s3_a_token_with_other_claims_is_refused(changes):
    refused(claiming(**changes))


def test_s3_a_token_ends_with_its_time_and_the_leeway():
    clock = MovableClock()
    tokens = tokens_of(clock=clock)
    clock.advance(seconds=MINUTES * 60 + 29)
    assert tokens.read_access(TOKEN).user_id == "usr_1"
    clock.advance(seconds=1)
    with pytest.raises(TokenInvalid):
        tokens.read_access(TOKEN)


def token_of_a_clock(apart):
    clock = MovableClock()
    clock.advance(seconds=apart)
    return tokens_of(clock=clock).issue_access(user_id="usr_1", tenant="mer_1", role="owner", session_id="ses_1")


@pytest.mark.parametrize("apart", [-30, -1, 1, 30])
def test_t2_a_token_of_a_machine_whose_clock_differs_a_little_is_taken(apart):
    assert GOOD.read_access(token_of_a_clock(apart)).user_id == "usr_1"


def test_t2_a_token_of_a_machine_whose_clock_runs_far_ahead_is_refused():
    refused(token_of_a_clock(31))


def test_s3_a_refresh_token_is_no_access_token_nor_the_reverse():
    refresh = GOOD.issue_refresh(session_id="ses_1", generation=1, salt="salt")
    refused(refresh)
    with pytest.raises(TokenInvalid):
        session_of_refresh(TOKEN)


@given(
    at=st.integers(0, len(TOKEN) - 1),
    letter=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n"),
    kind=st.sampled_from(["replace", "insert", "delete", "cut"]),
)
@settings(max_examples=400, deadline=None)
def test_s1_no_mutation_of_a_token_says_anything_else(at, letter, kind):
    mutated = {
        "replace": TOKEN[:at] + letter + TOKEN[at + 1 :],
        "insert": TOKEN[:at] + letter + TOKEN[at:],
        "delete": TOKEN[:at] + TOKEN[at + 1 :],
        "cut": TOKEN[:at],
    }[kind]
    try:
        claims = GOOD.read_access(mutated)
    except TokenInvalid:
        return
    # Only spellings of the same bytes (unused bits of the last letter, padding) may pass, and they say the same.
    assert claims == GOOD.read_access(TOKEN)
    assert mutated.rsplit(".", 1)[0] == TOKEN.rsplit(".", 1)[0]


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_s1_any_text_at_all_is_refused_without_another_error(text):
    refused(text)
    for read in (session_of_refresh, read_basic):
        try:
            read(text)
        except TokenInvalid:
            continue
    assert mode_of_key_secret(text) is None


def test_tokens_of_the_previous_secret_stay_good_and_of_an_older_one_do_not():
    rotated = tokens_of(OTHER, previous=SECRET)
    assert rotated.read_access(TOKEN).user_id == "usr_1"
    with pytest.raises(TokenInvalid):
        tokens_of(OTHER).read_access(TOKEN)
    fresh = rotated.issue_access(user_id="usr_1", tenant="mer_1", role="owner", session_id="ses_1")
    refused(fresh)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_s1_a_deployment_takes_its_own_algorithm_only(algorithm):
    key = "k" * 64
    mine = tokens_of(key, algorithm=algorithm)
    for other in ALGORITHMS:
        token = tokens_of(key, algorithm=other).issue_access(user_id="u", tenant="t", role="owner", session_id="s")
        if other == algorithm:
            assert mine.read_access(token).session_id == "s"
        else:
            with pytest.raises(TokenInvalid):
                mine.read_access(token)


def test_s5_a_refresh_token_is_good_for_its_generation_session_and_salt_only():
    mine = {"session_id": "ses_1", "generation": 2, "salt": "salt"}
    token = GOOD.issue_refresh(**mine)
    assert session_of_refresh(token) == ("ses_1", 2)
    assert GOOD.is_refresh(token, **mine)
    for change in ({"session_id": "ses_2"}, {"generation": 3}, {"salt": "other"}):
        assert not GOOD.is_refresh(token, **{**mine, **change})
    assert not tokens_of(OTHER).is_refresh(token, **mine)
    assert not GOOD.is_refresh(token + "\udc80", **mine)


@pytest.mark.parametrize("token", ["pgr", "pgr.a.1", "xxx.a.1.m", "pgr.a.-1.m", "pgr.a.٣.m", "pgr.a.1234567890.m"])
def test_s5_what_has_not_the_form_of_a_refresh_token_is_refused(token):
    with pytest.raises(TokenInvalid):
        session_of_refresh(token)


@pytest.mark.parametrize("mode", Mode)
def test_s15_a_key_secret_shows_its_mode_and_a_slip_of_the_pen(mode):
    secrets = {GOOD.new_key_secret(mode) for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert re.fullmatch(rf"pgk_{mode.value}_[A-Za-z0-9_-]{{43}}[A-Za-z0-9]{{6}}", secret)
        assert mode_of_key_secret(secret) is mode
        wrong = secret[:20] + ("A" if secret[20] != "A" else "B") + secret[21:]
        assert mode_of_key_secret(wrong) is None
        assert GOOD.digest_of_key(secret) != tokens_of(OTHER).digest_of_key(secret)


def test_nothing_that_signs_is_shown():
    assert repr(GOOD) == "Tokens()"
    assert SECRET not in str(GOOD)
