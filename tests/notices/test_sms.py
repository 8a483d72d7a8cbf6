"""Short messages reach MSG91 and Twilio in their own words; what goes wrong has a code without anybody's number."""

import pytest

from app.kit.carriers import SmsService
from app.notices.port import NotTaken, Refused, ShortMessage
from app.notices.sms import texter_of
from tests.notices.post import listening

KINDS = frozenset({"receipt", "refund", "link"})
NUMBER = "+919812345670"
MESSAGE = ShortMessage(kind="receipt", to=NUMBER, text="A Shop received ₹500.00.", values={"amount": "₹500.00"})


def texter(post, provider, **fields):
    key = {"msg91": "authkey@", "twilio": "AC1:token@"}[provider]
    query = {"msg91": "receipt=T1&refund=T2&link=T3", "twilio": "from=%2B15005550006"}[provider]
    return texter_of(SmsService.of(f"{provider}+plain://{key}127.0.0.1:{post.port}?{query}", kinds=KINDS))


@pytest.fixture
async def post():
    async with listening() as running:
        yield running


async def sent(one, message=MESSAGE):
    try:
        return "taken", await one.send_text(message)
    except Refused as refused:
        return "refused", refused.reason
    except NotTaken as later:
        return "later", later.reason
    finally:
        await one.close()


async def test_msg91_gets_the_template_and_what_is_put_into_it(post):
    end, message_id = await sent(texter(post, "msg91"))
    [got] = post.box.to(NUMBER)
    assert (end, message_id) == ("taken", got.id)
    assert (got.sender, got.text) == ("T1", "amount: ₹500.00")


async def test_twilio_gets_the_whole_text(post):
    end, message_id = await sent(texter(post, "twilio"))
    [got] = post.box.to(NUMBER)
    assert (end, message_id) == ("taken", f"SM{got.id}")
    assert (got.sender, got.text) == ("+15005550006", MESSAGE.text)


@pytest.mark.parametrize("provider", ["msg91", "twilio"])
@pytest.mark.parametrize(
    ("status", "end"),
    [
        (400, ("refused", "status_400")),
        (401, ("later", "credentials_refused")),
        (429, ("later", "status_429")),
        (500, ("later", "status_500")),
        (302, ("later", "status_302")),
    ],
)
async def test_a_refusal_says_whether_it_is_for_good(post, provider, status, end):
    post.box.sms_answers.append(status)
    assert await sent(texter(post, provider)) == end


async def test_msg91_says_no_with_200_too(post):
    message = ShortMessage(kind="receipt", to="+nobody", text="x")
    assert await sent(texter(post, "msg91"), message) == ("refused", "gateway_refused")


async def test_nobody_there_is_tried_again(post):
    async with listening() as other:
        gone = texter(other, "twilio")
    assert await sent(gone) == ("later", "connection_failed")


def test_a_message_shows_neither_number_nor_text():
    assert NUMBER not in repr(MESSAGE)
    assert "500" not in repr(MESSAGE)
