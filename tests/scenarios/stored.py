"""What the first release writes, by collection: the fields that code may rely on in every document, whoever wrote it.

A field that is not here was added since: a reader has to do without it, because code of before runs beside today's
while a deployment is under way, and its documents stay. A field moves in here in a release after the one that began to
write it, together with the migration that gave it to the older documents.
"""

from collections.abc import Mapping

MAPS = frozenset(
    {
        *("metadata", "razorpay_data", "payload", "before", "after", "balances"),
        *("accounts", "webhook_secrets", "checkout_secrets"),
    }
)
"""Fields whose own names are data, so that another name in them would be another thing and no newer field."""

CLOSED = frozenset({"ledger_entries"})
"""What nobody may widen: the validator refuses any other field, and the chain's digest covers what is booked."""

UNSEEN = ("invariant_findings",)
"""What has a document only when something is wrong."""

FIRST: Mapping[str, str] = {
    "analytics_slots": "at mode next_at sums tenant",
    "analytics_walks": "after next_at",
    "api_keys": "created_at created_by digest expires_at hint last_used_at mode name revoked_at scopes tenant",
    "audit_log": "action actor after at before digest previous sequence target tenant",
    "customer_payments": "captured currency customer_id mode paid_at payments refunded tenant version",
    "customers": "first_paid_at identity keys last_paid_at mode named_at payer place tenant turnovers",
    "disputes": (
        "amount amount_deducted answered checks created_at currency gateway_dispute_id gateway_payment_id history mode "
        "next_check_at opened_at payment_id phase razorpay_data reason_code respond_by review status tenant updated_at "
        "version"
    ),
    "erasures": "began_at disputes ended_at events mode own payments position state step tenant",
    "heartbeats": "at kind",
    "idempotency_keys": (
        "answered_at attempt body created_at fingerprint headers mode operation owner state status tenant"
    ),
    "inbox_events": (
        "applied_at attempts body body_digest event_id mode next_attempt_at owner payment_id reason received_at seen "
        "source state tenant type"
    ),
    "invariant_findings": "",
    "invariant_rounds": "after began_at examined last_examined last_whole_at next_at",
    "leases": "fence owner until",
    "ledger_books": "balances digest mode sequence tenant",
    "ledger_checks": "balances breaks day digest due_at fence last mode sequence started_at tenant",
    "ledger_days": "account credit currency day debit mode tenant",
    "ledger_entries": "cause currency legs mode payment_id recorded_at seal tenant",
    "merchants": "accounts created_at late_payments name updated_at webhook_secrets",
    "migrations": "done_at name",
    "notices": (
        "carrier_id channel created_at key kind mode reason recipient sealed sent_at state subject tenant tries "
        "updated_at"
    ),
    "outbox": (
        "attempts created_at deferrals done_at due_at fence key kind lane mode name owner payload payload_version "
        "reason sequence state subject tenant turn"
    ),
    "payment_links": (
        "amount created_at currency description expires_at is_reusable max_amount min_amount mode reference resent_at "
        "slot status tenant updated_at version"
    ),
    "payments": (
        "amount amount_captured amount_refunded attempt_ids attempts capture_method checks created_at currency "
        "description dispute_state expires_at history idempotency key_id link_id link_visit metadata mode natural_key "
        "next_check_at order_id order_state payment_id razorpay_data reference refunds_reserved review status tenant "
        "updated_at user_id version"
    ),
    "refunds": (
        "amount body checks created_at currency failure fingerprint from_suspense gateway_payment_id gateway_refund_id "
        "history leased_until metadata mode next_check_at origin owner payment_id razorpay_data reason reference "
        "request_key review sends sent_at sent_before speed speed_processed status suspense_id tenant updated_at "
        "version"
    ),
    "sessions": (
        "created_at expires_at generation revoked_at revoked_because rotated_at salt tenant user_agent user_id"
    ),
    "settlement_lines": (
        "amount credit currency debit dispute_id entity_id fee findings gateway_dispute_id gateway_payment_id "
        "gateway_settlement_id kind made_at method mode payment_id refund_id settled_at settlement_id tax tenant"
    ),
    "settlements": (
        "agreement amount created_at currency fees gateway_settlement_id mode razorpay_data reading settled_at status "
        "tally tax tenant updated_at utr version"
    ),
    "sign_in_attempts": "count expires_at",
    "suspense": (
        "amount amount_placed amount_refunded created_at currency gateway_payment_id history mode payment_id "
        "placed_payment_id reason refunds_reserved state tenant version"
    ),
    "sweeps": "last mode next_at swept tenant walk",
    "users": "created_at email full_name hashed_password role status tenant updated_at",
    "webhook_deliveries": (
        "attempts body created_at ended_at endpoint_id message_id mode name next_at sequence state subject tenant tries"
    ),
    "webhook_endpoints": (
        "created_at description disabled_reason due_at events failures leased_until mode owner queued secrets state "
        "tenant updated_at url"
    ),
}
