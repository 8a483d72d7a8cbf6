"""Journeys of people at the dashboard: every page, with what stands on it, and everything that is done there."""

import asyncio
import re
import secrets

import pytest

from app.analytics.models import SLOT, slot_of
from tests.api.callers import NONE_SUCH, hold
from tests.dashboard.browser import SCRIPT
from tests.world import new_key

PAGES = [
    "/dashboard", "/dashboard/payments", "/dashboard/links", "/dashboard/links/new", "/dashboard/customers",
    "/dashboard/refunds",
    "/dashboard/disputes", "/dashboard/suspense", "/dashboard/ledger", "/dashboard/ledger/entries", "/dashboard/events",
    "/dashboard/webhooks", "/dashboard/notices", "/dashboard/keys", "/dashboard/team", "/dashboard/account",
    "/dashboard/settings", "/dashboard/system",
]  # fmt: skip


async def paid(merchant, **fields):
    payment = await merchant.create_payment(**fields)
    await merchant.pay(payment, method="card", outcome="success")
    return await merchant.wait_for(payment["id"], "completed")


async def captured_event(browser):
    """Wait until an event that says `captured` is listed, which may be after its payment is completed."""
    async with asyncio.timeout(15):
        while True:
            links = (await browser.get("/dashboard/events?type=payment.captured")).links
            if found := [link for link in links if link.startswith("/dashboard/events/evt_")]:
                return found[0]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", PAGES)
async def test_an_empty_page_says_what_to_do_and_reads_well(owner, path):
    page = await owner.get(path)
    assert page.status == 200, page.text
    assert page.text.count("<h1>") == 1
    assert 'href="#content"' in page.text
    labelled = set(re.findall(r'<label for="([^"]+)"', page.text))
    fields = set(re.findall(r'<(?:input|select|textarea) id="([^"]+)"', page.text))
    assert fields <= labelled
    assert not re.search(r"\sstyle=|\son[a-z]+=\"", page.text)


async def test_home_shows_what_was_taken_and_what_waits_for_a_person(world, merchant, owner):
    await paid(merchant, amount=123_400)
    await hold(merchant, await merchant.create_payment())
    await world.add_dispute(merchant)
    now = world.wiring.clock.now()
    counting = world.wiring.analytics.counting
    spans = [(merchant.scope, slot_of(now - SLOT)), (merchant.scope, slot_of(now))]
    async with asyncio.timeout(30):
        # 1,234 and the 500 that are disputed. The worker counts them too, and may be in the middle of it.
        while "₹1,734.00" not in (page := await owner.get("/dashboard")).words:
            await counting.store.claim_spans(spans, at=now)
            await counting.count_next()
    assert "disputes to answer before their last day" in page.words
    assert "amounts that belong to no payment" in page.words
    assert '<svg class="chart"' in page.text


async def test_a_payment_is_found_by_every_id_reference_and_amount(merchant, owner):
    payment = await paid(merchant, amount=77_700, reference=f"order-{secrets.token_hex(3)}")
    path = f"/api/v1/payments/{payment['id']}/refunds"
    refund = (await merchant.ask("POST", path, {"amount": 100}, key=new_key())).data
    for sought in (payment["id"], payment["order_id"], payment["payment_id"], payment["reference"], refund["id"]):
        found = await owner.get(f"/dashboard/payments?q={sought}")
        assert (found.status, found.location) == (303, f"/dashboard/payments/{payment['id']}"), sought
    assert payment["id"] in (await owner.get("/dashboard/payments?q=777.00&status=completed")).text
    for nothing in ("q=778.00", "q=pmt_nothing", "q=order_nothing", "status=cancelled", "until=2020-01-01"):
        assert "Nothing fits" in (await owner.get(f"/dashboard/payments?{nothing}")).words, nothing
    assert payment["id"] in (await owner.get("/dashboard/payments?status=nonsense&from=never&starting_after=x")).text


async def test_a_list_is_walked_through_in_both_directions_and_taken_along_as_a_table(merchant, owner):
    made = [(await merchant.create_payment(amount=100 + at, description="=1+1"))["id"] for at in range(53)]
    seen, path = [], "/dashboard/payments?status=pending"
    while path:
        page = await owner.get(path)
        seen += re.findall(r'href="/dashboard/payments/(pmt_\w+)"', page.text)
        path = next((link for link in page.links if "starting_after" in link), None)
    assert seen == made[::-1]
    back = next(link for link in page.links if "ending_before" in link)
    assert re.findall(r'href="/dashboard/payments/(pmt_\w+)"', (await owner.get(back)).text) == seen[25:50]
    table = await owner.get("/dashboard/payments.csv?status=pending")
    rows = table.text.strip().split("\r\n")
    assert len(rows) == 54
    assert [row.split(",")[0] for row in rows[1:]] == seen
    assert all(",'=1+1," in row for row in rows[1:])


async def test_a_payment_is_refunded_once_however_often_the_button_is_pressed(merchant, owner):
    payment = await paid(merchant)
    page = f"/dashboard/payments/{payment['id']}"
    shown = await owner.get(page)
    assert shown.heading == "₹500.00"
    assert f"{page}/refund" in shown.links
    assert f"{page}/capture" not in shown.links
    form = (await owner.get(f"{page}/refund")).form(f"{page}/refund")
    assert form.fields["amount"] == "500.00"
    for wrong in ("", "0", "-5", "500.01", "1.234", "all"):
        refused = await owner.ask("POST", form.action, {**form.fields, "amount": wrong})
        assert refused.status == 422, wrong
        assert 'aria-invalid="true"' in refused.text
    fields = {**form.fields, "amount": "120.50", "reason": "a <b>torn</b> page"}
    for _ in range(2):
        done = await owner.ask("POST", form.action, fields)
        assert done.location.partition("?")[0] == page
    after = await merchant.wait_for(payment["id"], "partially_refunded")
    assert after["amount_refunded"] == 12_050
    assert "a <b>torn</b> page" in (await owner.follow(done)).words


async def test_a_refund_that_the_processor_refused_can_be_tried_again_on_the_same_page(world, merchant, owner):
    payment = await paid(merchant)
    page = f"/dashboard/payments/{payment['id']}/refund"
    balance = {"key_id": merchant.account["key_id"], "refund_balance": 1}
    assert (await world.simulate("PUT", "/_sim/accounts/refunds", balance)).status == 200
    form = (await owner.get(page)).form(page)
    refused = await owner.ask("POST", form.action, form.fields)
    assert (refused.status, refused.form(page).fields["amount"]) == (422, "500.00")
    assert "nothing was given back. The button tries again. (refund_limit_crossed)" in refused.words
    assert (await world.simulate("PUT", "/_sim/accounts/refunds", {**balance, "refund_balance": None})).status == 200
    for _ in range(2):
        done = await owner.ask("POST", form.action, refused.form(page).fields)
        assert done.status == 303
    assert (await merchant.wait_for(payment["id"], "refunded"))["amount_refunded"] == 50_000


async def test_a_payment_is_captured_cancelled_and_looked_at_again(merchant, owner):
    held = await merchant.create_payment(capture_method="manual")
    await merchant.pay(held, method="card", outcome="success")
    await merchant.wait_for(held["id"], "authorized")
    path = f"/dashboard/payments/{held['id']}"
    state = f"/dashboard/live/{held['id']}/state"
    before = (await owner.get(state)).text
    captured = await owner.send(f"{path}/capture", f"{path}/capture")
    assert "The payment is captured." in (await owner.follow(captured)).words
    assert (await owner.get(state)).text != before
    again = await owner.send(f"{path}/capture", f"{path}/capture")
    assert "problem=payment_already_captured" in again.location
    assert "captured" in (await owner.follow(again)).words
    unpaid = await merchant.create_payment()
    path = f"/dashboard/payments/{unpaid['id']}"
    assert "how it is now" in (await owner.follow(await owner.send(path, f"{path}/recheck"))).words
    cancelled = await owner.follow(await owner.send(f"{path}/cancel", f"{path}/cancel"))
    assert "Cancelled" in cancelled.words
    assert f"{path}/cancel" not in cancelled.links


async def test_disputes_held_money_and_events_are_shown_and_decided(world, merchant, owner):
    dispute = f"/dashboard/disputes/{await world.add_dispute(merchant)}"
    assert dispute in (await owner.get("/dashboard/disputes?status=open")).links
    assert "Answer it" in (await owner.get(dispute)).words
    too_short = await owner.send(f"{dispute}/contest", f"{dispute}/contest", summary=" ")
    assert too_short.status == 422
    given_up = await owner.follow(await owner.send(f"{dispute}/accept", f"{dispute}/accept"))
    assert "Lost" in given_up.words

    held = f"/dashboard/suspense/{await hold(merchant, await merchant.create_payment())}"
    assert held in (await owner.get("/dashboard/suspense?state=open")).links
    assert (await owner.send(f"{held}/place", f"{held}/place", reason=" ")).status == 422
    placed = await owner.follow(await owner.send(f"{held}/place", f"{held}/place", reason="the shop's own"))
    assert "Placed" in placed.words

    await paid(merchant)
    event = await captured_event(owner)
    assert '"event": "payment.captured"' in (await owner.get(event)).words
    replayed = await owner.send(f"{event}/replay", f"{event}/replay")
    assert replayed.location == f"{event}?notice=replayed"


async def test_the_books_are_shown_now_and_at_the_end_of_a_day(merchant, owner):
    payment = await paid(merchant, amount=4_200)
    ledger = await owner.get("/dashboard/ledger")
    assert "Balanced" in ledger.words
    assert "₹42.00" in ledger.words
    assert "Nothing is booked yet" in (await owner.get("/dashboard/ledger?at=2020-01-01")).words
    entries = await owner.get(f"/dashboard/ledger/entries?cause=capture&payment={payment['id']}")
    entry = next(link for link in entries.links if link.startswith("/dashboard/ledger/entries/ent_"))
    assert payment["payment_id"] in (await owner.get(entry)).text


async def test_s15_a_keys_secret_is_shown_once_and_it_works_until_it_is_revoked(world, owner):
    assert (await owner.send("/dashboard/keys", "/dashboard/keys", name=" ")).status == 422
    made = await owner.send("/dashboard/keys", "/dashboard/keys", name="The shop's server")
    secret = re.search(r"pgk_test_[\w-]+", made.text)[0]
    assert (await world.ask("GET", "/api/v1/payments", bearer=secret)).status == 200
    listed = await owner.get("/dashboard/keys")
    assert "The shop's server" in listed.words
    assert secret not in listed.text
    revoke = next(link for link in listed.links if link.endswith("/revoke"))
    assert "The key is revoked" in (await owner.follow(await owner.send(revoke, revoke))).words


async def test_a_member_is_added_changed_and_disabled_and_nobody_loses_the_last_owner(merchant, owner, browsers):
    email = f"new-{secrets.token_hex(4)}@example.com"
    fields = {"full_name": "New Person", "email": email, "role": "viewer", "password": "correct horse battery"}
    for wrong in ({"email": "nowhere"}, {"full_name": " "}, {"role": "king"}, {"password": "short"}):
        refused = await owner.send("/dashboard/team", "/dashboard/team", **{**fields, **wrong})
        assert refused.status == 422, wrong
        assert "correct horse battery" not in refused.text
    assert (
        "can sign in now"
        in (await owner.follow(await owner.send("/dashboard/team", "/dashboard/team", **fields))).words
    )
    theirs = await browsers()
    assert (await theirs.sign_in(email)).status == 303
    links = (await owner.get("/dashboard/team")).links
    pages = [link for link in links if link.startswith("/dashboard/team/usr_")]
    member = pages[0]
    form = (await owner.get(member)).forms[-1]
    assert form.fields["status"] == "disabled"
    assert "Disabled" in (await owner.follow(await owner.ask("POST", form.action, form.fields))).words
    assert (await (await browsers()).sign_in(email)).status == 401
    own = pages[-1]
    lost = await owner.ask("POST", own, {**(await owner.get(own)).forms[-1].fields, "status": "disabled"})
    assert "problem=last_owner" in lost.location


async def test_s6_an_account_shows_its_sessions_and_a_new_password_ends_the_others(merchant, owner, browsers):
    other = await browsers()
    await other.sign_in(merchant.email)
    account = await owner.get("/dashboard/account")
    assert "This one" in account.words
    renamed = await owner.send("/dashboard/account", "/dashboard/account/name", full_name=SCRIPT)
    page = await owner.follow(renamed)
    assert SCRIPT not in page.text
    assert SCRIPT in page.words
    wrong = {"current_password": "not mine", "new_password": "staple battery horse"}
    assert (await owner.send("/dashboard/account", "/dashboard/account/password", **wrong)).status == 422
    right = {"current_password": "correct horse battery", "new_password": "staple battery horse"}
    assert (
        "password_changed" in (await owner.send("/dashboard/account", "/dashboard/account/password", **right)).location
    )
    assert (await owner.get("/dashboard")).status == 200
    alone = await owner.send("/dashboard/account", "/dashboard/sign-out")
    assert alone.status == 303


async def test_settings_are_changed_a_processor_connected_and_a_webhook_secret_made(world, merchant, owner):
    changed = await owner.send("/dashboard/settings", "/dashboard/settings", name="The Shop", late_payments="refund")
    page = await owner.follow(changed)
    assert "The settings are saved." in page.words
    assert (await merchant.ask_as_owner("GET", "/api/v1/merchant")).data["late_payments"] == "refund"
    path = "/dashboard/settings/processor"
    for wrong in ({"key_id": "nonsense"}, {"key_id": "rzp_live_AbCdEfGhIjKlMn"}, {"key_secret": "x"}):
        fields = {"key_id": "rzp_test_AbCdEfGhIjKlMn", "key_secret": "s3cretS3cret", **wrong}
        assert (await owner.send("/dashboard/settings", path, **fields)).status == 422
    good = {"key_id": merchant.account["key_id"], "key_secret": merchant.account["key_secret"]}
    connected = await owner.follow(await owner.send("/dashboard/settings", path, **good))
    assert merchant.account["key_id"] in connected.text
    assert merchant.account["key_secret"] not in connected.text
    rotate = "/dashboard/settings/webhook-secret"
    made = await owner.send(rotate, rotate)
    assert made.heading == "The new webhook secret"
    assert f"/api/v1/webhooks/razorpay/{merchant.id}" in made.text


async def test_s13_nothing_of_another_merchant_is_shown_or_touched(world, merchant, owner, browsers):
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    payment = await paid(merchant, reference="only-mine")
    held = await hold(merchant, payment)
    dispute, entry = await world.add_dispute(merchant), await world.add_entry(merchant)
    key, body = new_key(), {"amount": 100}
    refund = (await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", body, key=key)).data["id"]
    event = next(link for link in (await owner.get("/dashboard/events")).links if "/evt_" in link)
    user = next(link for link in (await owner.get("/dashboard/team")).links if "/usr_" in link)
    token = (await stranger.get("/dashboard")).form("/dashboard/mode").fields
    for path in (
        f"/dashboard/payments/{payment['id']}", f"/dashboard/live/{payment['id']}/state",
        f"/dashboard/live/{refund}/state",
        f"/dashboard/refunds/{refund}", f"/dashboard/disputes/{dispute}", f"/dashboard/suspense/{held}",
        f"/dashboard/ledger/entries/{entry}", event, user,
    ):  # fmt: skip
        assert (await owner.get(path)).status == 200, path
        assert (await stranger.get(path)).status == 404, path
    for deed in (
        f"payments/{payment['id']}/capture", f"payments/{payment['id']}/cancel", f"payments/{payment['id']}/recheck",
        f"payments/{payment['id']}/refund", f"refunds/{refund}/cancel", f"disputes/{dispute}/accept",
        f"suspense/{held}/place", f"keys/{merchant.key_id}/revoke", user.removeprefix("/dashboard/"),
    ):  # fmt: skip
        assert (await stranger.ask("POST", f"/dashboard/{deed}", {**token, "reason": "x"})).status == 404, deed
    assert (await stranger.get(f"/dashboard/payments?q={payment['id']}")).status == 200
    assert "Nothing fits" in (await stranger.get("/dashboard/payments?q=only-mine")).words
    assert "only-mine" not in (await stranger.get("/dashboard/payments.csv")).text
    session = await stranger.ask("POST", f"/dashboard/account/sessions/{NONE_SUCH['session_id']}/end", token)
    assert "problem=session_not_found" in session.location


async def test_s12_a_script_in_any_text_is_shown_and_not_run(merchant, owner):
    payment = await merchant.create_payment(description=SCRIPT, reference=SCRIPT[:60], metadata={"note": SCRIPT})
    for path in ("/dashboard", "/dashboard/payments", f"/dashboard/payments/{payment['id']}"):
        page = await owner.get(path)
        assert "<script>alert" not in page.text, path
        assert "<img src=x" not in page.text, path
        assert "alert(1)" in page.words, path
    for path in (f"/dashboard/payments?q={SCRIPT}", f"/dashboard?days={SCRIPT}&notice={SCRIPT}&problem={SCRIPT}"):
        assert "<script>alert" not in (await owner.get(path)).text
    made = await owner.send("/dashboard/settings", "/dashboard/settings", name=SCRIPT)
    assert "<script>alert" not in (await owner.follow(made)).text


async def test_what_a_role_may_not_do_is_not_shown_to_it(merchant, team):
    payment = await paid(merchant)
    viewer, owner = team["viewer"], team["owner"]
    path = f"/dashboard/payments/{payment['id']}"
    assert f"{path}/refund" not in (await viewer.get(path)).links
    assert f"{path}/refund" in (await owner.get(path)).links
    shown = (await viewer.get("/dashboard")).links
    assert "/dashboard/system" not in shown
    assert "/dashboard/keys" not in shown
    assert [form.action for form in (await viewer.get("/dashboard/settings")).forms] == [
        "/dashboard/mode",
        "/dashboard/sign-out",
    ]
