"""Disputes: `/v1/disputes`, accepted or contested (razorpay.md section 8)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.dispute_entities import PROOFS, Dispute
from razorpay_simulator.errors import ApiError, bad_request
from razorpay_simulator.paging import page
from razorpay_simulator.processing import disputes

_FIELDS = frozenset({"amount", "summary", "others", "action", *PROOFS})
_EXPANDS = ("payment", "transaction.settlement")
_LONGEST_SUMMARY = 1000


def list_disputes(call: Call) -> Any:
    """List disputes, newest first."""
    _refuse_unknown_expands(call)
    return page(call, reversed(call.account.disputes.values()), Dispute.to_wire)


def get_dispute(call: Call) -> Any:
    """Return one dispute; expanded, it is wrapped and longer, as this part of the API has it."""
    _refuse_unknown_expands(call)
    dispute = _find(call)
    return _expanded(call, dispute) if call.expands else dispute.to_wire()


def accept_dispute(call: Call) -> Any:
    """Give a dispute up."""
    dispute = _find(call)
    validation.refuse_extra(call.body, frozenset())
    disputes.accept(call.world, call.account, dispute)
    return dispute.to_wire()


def contest_dispute(call: Call) -> Any:
    """Keep or submit evidence."""
    dispute = _find(call)
    validation.refuse_extra(call.body, _FIELDS)
    action = call.body.get("action") or "draft"
    if action not in {"draft", "submit"}:
        raise bad_request("The selected action is invalid.", field="action")
    answer = disputes.Answer(
        amount=_contested(call.body),
        summary=validation.text(call.body, "summary", longest=_LONGEST_SUMMARY),
        proofs={name: _documents(call, name, call.body[name]) for name in PROOFS if name in call.body},
        others=_others(call),
        is_submitted=action == "submit",
    )
    disputes.contest(call.world, call.account, dispute, answer)
    return dispute.to_wire()


def _find(call: Call) -> Dispute:
    found: Dispute = validation.lookup(call.account.disputes, call.path_params["id"], "disp")
    return found


def _refuse_unknown_expands(call: Call) -> None:
    if call.expands - set(_EXPANDS):
        said = f"Value of each expand must be one of following types: {', '.join(_EXPANDS)}"
        raise ApiError(400, {"status_code": 400, "success": False, "errors": [said, "Status Code: 400"]})


def _expanded(call: Call, dispute: Dispute) -> dict[str, Any]:
    data = dispute.to_wire() | {
        "gateway_dispute_id": dispute.id.removeprefix("disp_"),
        "reason_description": dispute.reason_code.replace("_", " "),
        "comments": None,
        "lifecycle": list(dispute.lifecycle),
        "transaction": None,
    }
    if "payment" in call.expands:
        data["payment"] = call.account.payments[dispute.payment_id].to_wire()
    return {"status_code": 200, "success": True, "data": data}


def _contested(body: dict[str, Any]) -> int | None:
    amount = validation.integer(body, "amount")
    if amount is not None and amount < 0:
        raise bad_request("The amount must be at least 0.", field="amount")
    return amount


def _documents(call: Call, name: str, value: Any) -> list[str] | None:
    """Return the ids of documents that this account has. Raises ApiError."""
    if value is None or value == []:
        return None
    if not isinstance(value, list):
        raise bad_request(f"The {name.replace('_', ' ')} must be an array.", field=name)
    if not all(isinstance(one, str) and one in call.account.documents for one in value):
        raise bad_request(
            "Invalid file id provided or merchant is unauthorized to access the fileId(s) provided", field=name
        )
    return list(value)


def _others(call: Call) -> list[dict[str, Any]] | None:
    value = call.body.get("others")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, dict) and one.get("type") for one in value):
        raise bad_request("The others must be an array.", field="others")
    return [
        {"type": str(one["type"]), "document_ids": _documents(call, "others", one.get("document_ids"))} for one in value
    ]


ROUTES = (
    Route("GET", "/v1/disputes", list_disputes),
    Route("GET", "/v1/disputes/{id}", get_dispute),
    Route("POST", "/v1/disputes/{id}/accept", accept_dispute),
    Route("PATCH", "/v1/disputes/{id}/contest", contest_dispute),
)
