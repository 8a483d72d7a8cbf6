"""Entities as Razorpay shapes them, with made-up people in them."""

from typing import Any

PAYMENT_ID = "pay_DESlfW9H8K9uqM"
ORDER_ID = "order_DESlLckIVRkHWj"
REFUND_ID = "rfnd_FP8QHiV938haTz"
SETTLEMENT_ID = "setl_DGlQ1Rj8os78Ec"
DISPUTE_ID = "disp_AHfqOvkldwsbqt"
DOCUMENT_ID = "doc_EsyWjHrfzb59Re"
OUR_REFUND_ID = "ref_01KAP5M3ZQJ8W3YV2T6N4R7XHD"
OUR_ID = "pmt_01KAP5M3ZQJ8W3YV2T6N4R7XHD"
AT = 1_767_225_600


def payment(**changes: Any) -> dict[str, Any]:
    return {
        "id": PAYMENT_ID,
        "entity": "payment",
        "amount": 50000,
        "currency": "INR",
        "status": "captured",
        "order_id": ORDER_ID,
        "invoice_id": None,
        "international": False,
        "method": "upi",
        "amount_refunded": 0,
        "refund_status": None,
        "captured": True,
        "description": "A chair for someone",
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": "someone.private@okbank",
        "email": "someone@example.com",
        "contact": "+919000090000",
        "notes": {"payment_id": OUR_ID, "gift": "for someone"},
        "fee": 1180,
        "tax": 180,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {"rrn": "322206890934", "upi_transaction_id": "FF0123456789ABCDEF", "auth_code": "828553"},
        "created_at": AT,
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": ORDER_ID,
        "entity": "order",
        "amount": 50000,
        "amount_paid": 0,
        "amount_due": 50000,
        "currency": "INR",
        "receipt": OUR_ID,
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": [],
        "created_at": AT,
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": REFUND_ID,
        "entity": "refund",
        "amount": 20000,
        "currency": "INR",
        "payment_id": PAYMENT_ID,
        "notes": {"refund_id": OUR_REFUND_ID, "why": "someone was unhappy"},
        "receipt": OUR_REFUND_ID,
        "acquirer_data": {"arn": "74332744213102144250014", "note": "someone"},
        "created_at": AT + 60,
        "batch_id": None,
        "status": "processed",
        "speed_processed": "normal",
        "speed_requested": "optimum",
        **changes,
    }


def dispute(**changes: Any) -> dict[str, Any]:
    return {
        "id": DISPUTE_ID,
        "entity": "dispute",
        "payment_id": PAYMENT_ID,
        "amount": 50000,
        "currency": "INR",
        "amount_deducted": 0,
        "reason_code": "chargeback",
        "respond_by": AT + 86400,
        "status": "open",
        "phase": "chargeback",
        "created_at": AT + 90,
        "evidence": {
            "amount": 50000,
            "summary": "someone got the chair",
            "shipping_proof": [DOCUMENT_ID],
            "others": None,
            "submitted_at": None,
        },
        **changes,
    }


def document(**changes: Any) -> dict[str, Any]:
    return {
        "id": DOCUMENT_ID,
        "entity": "document",
        "purpose": "dispute_evidence",
        "name": "slip.pdf",
        "mime_type": "application/pdf",
        "size": 4,
        "created_at": AT,
        **changes,
    }


def collection(*items: Any) -> dict[str, Any]:
    return {"entity": "collection", "count": len(items), "items": list(items)}


def event(name: str = "payment.captured", **entities: Any) -> dict[str, Any]:
    return {
        "entity": "event",
        "account_id": "acc_BFQ7uQEaa7j2z7",
        "event": name,
        "contains": list(entities),
        "payload": {kind: {"entity": entity} for kind, entity in entities.items()},
        "created_at": AT + 6,
    }


def error(description: str, *, code: str = "BAD_REQUEST_ERROR", **more: Any) -> dict[str, Any]:
    return {
        "error": {
            "code": code,
            "description": description,
            "source": "business",
            "step": "payment_initiation",
            "reason": "input_validation_failed",
            "metadata": {},
            **more,
        }
    }


def settlement(**changes: Any) -> dict[str, Any]:
    """Return a settlement as the processor sends it."""
    return {
        "id": SETTLEMENT_ID,
        "entity": "settlement",
        "amount": 48820,
        "status": "processed",
        "fees": 0,
        "tax": 0,
        "utr": "1568176960vxp0rj",
        "created_at": AT,
        **changes,
    }


def settlement_row(**changes: Any) -> dict[str, Any]:
    """Return a line of the report on settlements: a payment's, with its customer's words in it."""
    return {
        "entity_id": PAYMENT_ID,
        "type": "payment",
        "debit": 0,
        "credit": 48820,
        "amount": 50000,
        "currency": "INR",
        "fee": 1180,
        "tax": 180,
        "on_hold": False,
        "settled": True,
        "created_at": AT,
        "settled_at": AT + 86400,
        "settlement_id": SETTLEMENT_ID,
        "posted_at": None,
        "credit_type": "default",
        "description": "A chair for someone",
        "notes": {"email": "someone.private@example.com"},
        "payment_id": None,
        "settlement_utr": "1568176960vxp0rj",
        "order_id": ORDER_ID,
        "order_receipt": OUR_ID,
        "method": "card",
        "card_network": "Visa",
        "card_issuer": "HDFC",
        "card_type": "debit",
        "dispute_id": None,
        **changes,
    }
