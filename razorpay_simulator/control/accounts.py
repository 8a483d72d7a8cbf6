"""Accounts, and how their refunds go."""

from typing import Any

from razorpay_simulator.control.commands import ACCOUNT_FIELDS, Command, ControlCall
from razorpay_simulator.errors import bad_request
from razorpay_simulator.world import Account

_REFUND_FIELDS = frozenset(
    {"refund_seconds", "refund_fails", "refund_is_instant", "refund_balance", "refund_instant_fee"}
)


def _shown(account: Account) -> dict[str, Any]:
    policy = account.refund_policy
    return {
        "account_id": account.id,
        "key_id": account.key_id,
        "key_secret": account.key_secret,
        "refund_seconds": policy.seconds,
        "refund_fails": policy.fails,
        "refund_is_instant": policy.is_instant,
        "refund_balance": policy.balance,
        "refund_instant_fee": policy.instant_fee,
    }


async def open_account(call: ControlCall) -> Any:
    """Open an account with given or new keys."""
    world = call.world
    key_id = call.text("key_id") or world.ids.new("rzp_test")
    account_id = call.text("account_id") or world.ids.new("acc")
    if world.find_account(key_id) or world.find_account(account_id):
        raise bad_request("An account with this key or id exists already.", status=409)
    key_secret = call.text("key_secret") or world.ids.bare() + world.ids.bare()
    return _shown(world.open_account(key_id=key_id, key_secret=key_secret, account_id=account_id))


async def list_accounts(call: ControlCall) -> Any:
    """List the accounts with their keys."""
    return {"items": [_shown(account) for account in call.world.accounts.values()]}


async def set_refund_policy(call: ControlCall) -> Any:
    """Change how an account's refunds go; only the given fields."""
    account = call.account()
    policy = account.refund_policy
    policy.seconds = call.number("refund_seconds", policy.seconds)
    policy.fails = call.flag("refund_fails", default=policy.fails)
    policy.is_instant = call.flag("refund_is_instant", default=policy.is_instant)
    policy.instant_fee = call.whole("refund_instant_fee", policy.instant_fee)
    if "refund_balance" in call.body:
        policy.balance = None if call.body["refund_balance"] is None else call.whole("refund_balance")
    return _shown(account)


COMMANDS = (
    Command(
        method="POST",
        path="/accounts",
        handler=open_account,
        summary="Opens an account; everything in it is its own.",
        fields=ACCOUNT_FIELDS | {"key_secret"},
    ),
    Command(method="GET", path="/accounts", handler=list_accounts, summary="The accounts with their keys."),
    Command(
        method="PUT",
        path="/accounts/refunds",
        handler=set_refund_policy,
        summary="How an account's refunds go: pending for how long, failing, instant and its price, with what balance.",
        fields=ACCOUNT_FIELDS | _REFUND_FIELDS,
    ),
)
