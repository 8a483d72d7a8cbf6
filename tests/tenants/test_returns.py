"""The way back to the merchant's site: registered origins, and the secret that signs what a customer brings."""

import asyncio
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.audit.service import Actor
from app.kit.scope import Mode, Scope
from app.tenants.origins import ReturnOriginInvalid, may_return_to, origin_of, registrable_origin

MERCHANT = "/api/v1/merchant"
SECRET = f"{MERCHANT}/checkout-secret"
SHOP = ("https://shop.example.com",)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example.com", "https://shop.example.com"),
        ("HTTPS://Shop.Example.COM/", "https://shop.example.com"),
        ("https://shop.example.com:443", "https://shop.example.com"),
        ("https://shop.example.com:8443", "https://shop.example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_has_one_spelling(text, origin):
    assert registrable_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop.example.com",
        "//shop.example.com",
        "http://shop.example.com",
        "ftp://shop.example.com",
        "javascript:alert(1)",
        "https:shop.example.com",
        "https:/shop.example.com",
        "https://",
        "https://shop.example.com/path",
        "https://shop.example.com?x",
        "https://shop.example.com#x",
        "https://me@shop.example.com",
        "https://shop.example.com@evil.example",
        "https://shop.example.com:99999",
        "https://shop.example.com:x",
        "https://shop example.com",
        "https://shop.example.com\\.evil.example",
        "https://shöp.example",
        "https://.example.com",
        "https://*.example.com",
        "https://[::1",
        "https://shop.example.com\n",
        "http://localhost.evil.example",
        "https://" + "a" * 2000,
    ],
)
def test_n16_what_is_no_origin_is_not_registered(text):
    with pytest.raises(ReturnOriginInvalid):
        registrable_origin(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com",
        "https://shop.example.com/",
        "https://shop.example.com/done?cart=7&x=%2F%2Fevil",
        "https://SHOP.example.com:443/done",
    ],
)
def test_an_address_on_a_registered_origin_may_be_returned_to(url):
    assert may_return_to(url, origins=SHOP, livemode=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://shop.example.com.evil.example/",
        "https://shop.example.com@evil.example/",
        "https://shop.example.com:8443/",
        "http://shop.example.com/",
        "//shop.example.com/",
        "/done",
        "https:/shop.example.com/",
        "https://evil.example\\@shop.example.com/",
        "https:\\\\evil.example",
        "https://shop.example.com\\..\\evil",
        "https://shop.example.com/\r\nLocation: https://evil.example",
        "https://shop.example.com/\tdone",
        " https://shop.example.com/",
        "javascript://shop.example.com/%0aalert(1)",
        "https://shop.example.com/#done",
        "https://shop.example.com/?status=completed",
        "https://shop.example.com/?x=1&signature=",
        "https://xn--shop.example.com/",
    ],
)
def test_n16_any_other_address_is_no_way_back(url):
    assert not may_return_to(url, origins=SHOP, livemode=False)


_MISREAD = [
    "\\",
    "@",
    ":@",
    "%2f@",
    "%5c@",
    ".",
    "..",
    "%2e",
    "%00.",
    "\x00",
    "\t",
    "\r\n",
    "\x85",
    "\u3002",
    "\uff0e",
    "\uff0f",
]
_STARTS = [
    "https://evil.example{}shop.example.com/",
    "https://shop.example.com{}evil.example/",
    "https://shop.example.com:443{}evil.example/",
    "https://shop{}example.com/",
    "https:{}//shop.example.com/",
    "https:/{}/shop.example.com/",
    "https://{}shop.example.com/",
    "{}https://shop.example.com/",
    "//{}shop.example.com/",
    "https:{}shop.example.com/",
    "ht{}tps://shop.example.com/",
    "https://shop.example.com:{}8443/",
    "http://{}shop.example.com/",
]


@pytest.mark.parametrize("start", _STARTS)
def test_n16_no_spelling_that_a_browser_may_read_otherwise_is_a_way_back(start):
    spellings = [start.format(sign) for sign in _MISREAD]
    own = {"https://shop.example.com/"}
    assert [one for one in spellings if one not in own and may_return_to(one, origins=SHOP, livemode=False)] == []


def test_n16_a_developer_s_own_machine_is_for_test_money_alone():
    origins = ("http://localhost:3000",)
    assert may_return_to("http://localhost:3000/done", origins=origins, livemode=False)
    assert not may_return_to("http://localhost:3000/done", origins=origins, livemode=True)
    assert origin_of("http://localhost:3000/x") == "http://localhost:3000"


async def test_origins_are_registered_by_the_bosses_and_shown(merchant):
    answer = await merchant.ask_as_owner(
        "PATCH", MERCHANT, {"return_origins": ["https://Shop.example.com", "https://shop.example.com/"]}
    )
    assert answer.data["return_origins"] == ["https://shop.example.com"]
    assert (await merchant.ask("GET", MERCHANT)).data["return_origins"] == ["https://shop.example.com"]
    refused = await merchant.ask_as_owner("PATCH", MERCHANT, {"return_origins": ["https://evil.example/x"]})
    assert (refused.status, refused.code) == (422, "return_origin_invalid")
    log = (await merchant.ask_as_owner("GET", "/api/v1/audit-log")).data["items"]
    (entry,) = [entry for entry in log if entry["action"] == "merchant.updated"]
    assert entry["after"]["return_origins"] == ["https://shop.example.com"]
    assert (await merchant.ask_as_owner("PATCH", MERCHANT, {"return_origins": []})).data["return_origins"] == []


async def test_n16_a_payment_takes_only_an_address_that_its_own_merchant_registered(merchant, other):
    await other.ask_as_owner("PATCH", MERCHANT, {"return_origins": list(SHOP)})
    url = "https://shop.example.com/done"
    body = {"amount": 50000, "return_url": url}
    refused = await merchant.ask("POST", "/api/v1/payments", body, key="return-one")
    assert (refused.status, refused.code, refused.json["error"]["param"]) == (
        422, "return_url_not_registered", "return_url",
    )  # fmt: skip
    await merchant.ask_as_owner("PATCH", MERCHANT, {"return_origins": list(SHOP)})
    made = await merchant.ask("POST", "/api/v1/payments", body, key="return-one")
    assert (made.status, made.data["return_url"]) == (201, url)


async def test_n16_the_result_is_signed_with_a_secret_that_the_makers_see(world, merchant, other):
    secret = (await merchant.ask_as_owner("POST", f"{SECRET}/reveal")).data
    assert secret == (await merchant.ask_as_owner("POST", f"{SECRET}/reveal")).data
    assert secret["secret"] != (await other.ask_as_owner("POST", f"{SECRET}/reveal")).data["secret"]
    assert (await merchant.ask("POST", f"{SECRET}/reveal")).status == 403
    facts = {"status": "completed", "payment_id": "pmt_1", "reference": "a b&c", "at": "2026-01-01T00:00:00.000Z"}
    url = await world.wiring.returns.signed_url(merchant.scope, "https://shop.example.com/done?cart=7", facts)
    assert url.startswith("https://shop.example.com/done?cart=7&at=")
    brought = dict(parse_qsl(urlsplit(url).query))
    signature = brought.pop("signature")
    brought.pop("cart")
    message = urlencode(sorted(brought.items())).encode()
    assert signature == hmac.new(secret["secret"].encode(), message, hashlib.sha256).hexdigest()
    stored = await world.wiring.database.collection("merchants").find_one({"_id": merchant.id})
    assert secret["secret"] not in str(stored)
    log = (await merchant.ask_as_owner("GET", "/api/v1/audit-log")).data["items"]
    assert [entry["action"] for entry in log].count("checkout_secret.shown") == 2


async def test_a_checkout_secret_is_replaced_for_its_mode_alone(world, merchant):
    former = (await merchant.ask_as_owner("POST", f"{SECRET}/reveal")).data["secret"]
    live = await world.wiring.returns.secret_of(Scope(merchant.id, Mode.LIVE))
    made = (await merchant.ask_as_owner("POST", f"{SECRET}/rotate", {"mode": "test"})).data
    assert made["secret"] not in {former, live}
    assert (await merchant.ask_as_owner("POST", f"{SECRET}/reveal")).data == made
    assert await world.wiring.returns.secret_of(Scope(merchant.id, Mode.LIVE)) == live


async def test_everybody_who_needs_the_first_secret_at_once_gets_the_same_and_every_rotation_counts(world, merchant):
    returns = world.wiring.returns
    assert len(set(await asyncio.gather(*(returns.secret_of(merchant.scope) for _ in range(8))))) == 1
    actor = Actor(kind="user", id="usr_1")
    made = await asyncio.gather(*(returns.rotate_secret(merchant.scope, actor=actor) for _ in range(3)))
    assert await returns.secret_of(merchant.scope) in made
    assert len(set(made)) == 3
