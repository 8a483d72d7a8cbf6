"""Disputes from their shapes to our nouns, and answers to them from ours to bodies."""

import email.parser
import email.policy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.contest import Contest, EvidenceKind
from app.gateways.port import DisputeStatus, GatewayDispute
from app.gateways.razorpay.translate.disputes import to_contest_body, to_dispute, to_document_body, to_document_id
from app.gateways.razorpay.translate.pages import to_page
from app.gateways.razorpay.translate.reading import Unreadable
from app.kit.money import MAX_MINOR, Money
from app.kit.pan import has_card_number
from tests.gateways.razorpay.samples import AT, DISPUTE_ID, DOCUMENT_ID, PAYMENT_ID, collection, dispute, document

SEEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
RUPEES_500 = Money(50000, "INR")


def read(**changes: Any) -> GatewayDispute:
    return to_dispute(dispute(**changes), seen_at=SEEN_AT)


def test_a_dispute_is_read_in_our_words() -> None:
    created_at = datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert read() == GatewayDispute(
        id=DISPUTE_ID,
        payment_id=PAYMENT_ID,
        amount=RUPEES_500,
        amount_deducted=0,
        status=DisputeStatus.OPEN,
        created_at=created_at,
        phase="chargeback",
        reason_code="chargeback",
        respond_by=created_at + timedelta(seconds=86400 - 90),
        raw={
            "id": DISPUTE_ID,
            "payment_id": PAYMENT_ID,
            "amount": 50000,
            "currency": "INR",
            "amount_deducted": 0,
            "reason_code": "chargeback",
            "respond_by": AT + 86400,
            "status": "open",
            "phase": "chargeback",
            "evidence": {"amount": 50000},
            "created_at": AT + 90,
        },
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((status.value, status) for status in DisputeStatus),
        ("action_required", DisputeStatus.UNRECOGNIZED),
        ("LOST", DisputeStatus.UNRECOGNIZED),
        (None, DisputeStatus.UNRECOGNIZED),
        (["lost"], DisputeStatus.UNRECOGNIZED),
    ],
)
def test_r7_the_status_of_a_dispute_is_one_of_ours_or_unrecognized(word: Any, status: DisputeStatus) -> None:
    assert read(status=word).status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": "50000"},
        {"amount": None},
        {"amount": MAX_MINOR + 1},
        {"currency": "XXQ"},
        {"currency": None},
        {"amount_deducted": 50001},
        {"amount_deducted": -1},
        {"amount_deducted": "1"},
        {"amount_deducted": 1.5},
    ],
)
def test_r7_a_dispute_whose_numbers_make_no_sense_has_no_amount(changes: dict[str, Any]) -> None:
    found = read(**changes)

    assert (found.amount, found.amount_deducted) == (None, 0)
    assert found.raw.get("amount_deducted", 0) >= 0


@pytest.mark.parametrize(("deducted", "kept"), [(50000, 50000), (1, 1), (None, 0)])
def test_what_a_lost_dispute_took_is_kept(deducted: int | None, kept: int) -> None:
    assert read(status="lost", amount_deducted=deducted).amount_deducted == kept


@pytest.mark.parametrize("at", [0, -1, 10**12, "1767225600", None])
def test_r8_a_senseless_time_of_a_dispute_is_none_or_when_we_heard_of_it(at: Any) -> None:
    found = read(created_at=at, respond_by=at)

    assert (found.created_at, found.respond_by) == (SEEN_AT, None)


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        ({"amount": 1, "summary": "a name", "submitted_at": AT}, {"amount": 1, "submitted_at": AT}),
        ({"amount": "1", "submitted_at": 0}, None),
        ([], None),
        (None, None),
    ],
)
def test_of_the_evidence_only_how_much_and_when_is_kept(evidence: Any, shown: Any) -> None:
    assert read(evidence=evidence).raw.get("evidence") == shown


@pytest.mark.parametrize(
    "body", [None, [], "text", {}, dispute(id=None), dispute(id="a b"), dispute(payment_id=None), dispute(payment_id=5)]
)
def test_a_dispute_without_its_ids_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        to_dispute(body, seen_at=SEEN_AT)


def test_r9_one_unreadable_entity_of_a_page_does_not_hide_the_others() -> None:
    page = to_page(collection({}, dispute(), 5), to_dispute, seen_at=SEEN_AT)

    assert ([item.id for item in page.items], page.size, page.unreadable) == ([DISPUTE_ID], 3, 2)
    with pytest.raises(Unreadable):
        to_page({"items": None}, to_dispute, seen_at=SEEN_AT)


@pytest.mark.parametrize(
    ("contest", "body"),
    [
        (Contest("It came.", {}), {"summary": "It came.", "action": "draft"}),
        (
            Contest(
                "It came.",
                {
                    EvidenceKind.SHIPPING_PROOF: (DOCUMENT_ID, "doc_2"),
                    EvidenceKind.BILLING_PROOF: (),
                    EvidenceKind.TERMS_AND_CONDITIONS: ("doc_3",),
                    EvidenceKind.OTHER: ("doc_4",),
                },
                amount=Money(20000, "INR"),
                is_final=True,
            ),
            {
                "amount": 20000,
                "summary": "It came.",
                "shipping_proof": [DOCUMENT_ID, "doc_2"],
                "term_and_conditions": ["doc_3"],
                "others": [{"type": "other", "document_ids": ["doc_4"]}],
                "action": "submit",
            },
        ),
    ],
)
def test_an_answer_names_its_documents_as_they_do(contest: Contest, body: dict[str, Any]) -> None:
    assert to_contest_body(contest) == body


@pytest.mark.parametrize("kind", EvidenceKind)
def test_every_kind_of_evidence_has_its_field(kind: EvidenceKind) -> None:
    body = to_contest_body(Contest("It came.", {kind: (DOCUMENT_ID,)}))

    assert DOCUMENT_ID in json.dumps(body)
    assert set(body) - {"summary", "action"} <= {
        "shipping_proof",
        "billing_proof",
        "cancellation_proof",
        "customer_communication",
        "proof_of_service",
        "explanation_letter",
        "refund_confirmation",
        "access_activity_log",
        "refund_cancellation_policy",
        "term_and_conditions",
        "others",
    }


def parts(content_type: str, body: bytes) -> list[Any]:
    """Read a form as a mail reader would."""
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    return list(message.iter_parts())


@given(st.binary(max_size=200).filter(lambda content: b"\r" not in content), st.text(max_size=40))
def test_n12_a_document_arrives_whole_whatever_it_and_its_name_are(content: bytes, name: str) -> None:
    content_type, body = to_document_body(content, name=name, mime="image/png", purpose="dispute_evidence")

    assert body.isascii() or not content.isascii()
    boundary = content_type.partition("boundary=")[2].encode()
    assert body.split(b"--" + boundary)[2].partition(b"\r\n\r\n")[2] == content + b"\r\n"
    purpose, file = parts(content_type, body)
    assert purpose.get_param("name", header="content-disposition") == "purpose"
    assert purpose.get_content().strip() == "dispute_evidence"
    assert file.get_param("name", header="content-disposition") == "file"
    assert file.get_content_type() == "image/png"
    assert len(file.items()) == 2


@pytest.mark.parametrize(("name", "kept"), [("a b-1_2.png", "a b-1_2.png"), ('x"\r\ny: é\\', "x___y_ __")])
def test_n12_a_document_s_name_can_not_end_its_header(name: str, kept: str) -> None:
    _, body = to_document_body(b"x", name=name, mime="image/png", purpose="dispute_evidence")

    assert f'filename="{kept}"\r\n'.encode() in body


def test_a_document_is_its_id() -> None:
    assert to_document_id(document()) == DOCUMENT_ID
    for body in (None, [], {}, document(id=None), document(id="../x")):
        with pytest.raises(Unreadable):
            to_document_id(body)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["4111111111111111"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
DISPUTES = st.builds(
    lambda changes: dispute(**changes), st.dictionaries(st.sampled_from(sorted(dispute())), LEAVES | JSON, max_size=8)
)


@given(JSON | DISPUTES | st.builds(collection, JSON | DISPUTES))
def test_r7_any_body_becomes_a_dispute_or_is_unreadable(body: Any) -> None:
    for convert in (lambda: to_dispute(body, seen_at=SEEN_AT), lambda: to_page(body, to_dispute, seen_at=SEEN_AT)):
        try:
            convert()
        except Unreadable:
            continue


@given(DISPUTES)
def test_s18_of_a_dispute_nothing_personal_and_no_card_number_is_kept(body: dict[str, Any]) -> None:
    private = {"reason_description": "The holder, Some One", "comments": "someone.private@example.com", "reason": {}}
    try:
        found = to_dispute({**body, **private}, seen_at=SEEN_AT)
    except Unreadable:
        return

    kept = repr(found)
    kept.encode()
    json.dumps(found.raw, ensure_ascii=False).encode()
    assert not has_card_number(json.dumps(found.raw))
    assert "someone" not in kept.lower().replace("some one", "someone")
    assert found.amount is None or 0 <= found.amount_deducted <= found.amount.minor
