"""The port's verbs for disputes against a host that answers as Razorpay does, and as it should not."""

from typing import Any

import pytest

from app.gateways.port import DisputeStatus, OutcomeUnknown, Refused
from tests.gateways.razorpay.bench import CONTEST, VERBS, Bench
from tests.gateways.razorpay.host import answer
from tests.gateways.razorpay.samples import DISPUTE_ID, DOCUMENT_ID, collection, dispute, document, error


async def test_a_dispute_is_read_accepted_and_contested_by_its_id(bench: Bench) -> None:
    bench.play(
        answer(dispute()),
        answer(dispute(status="lost", amount_deducted=50000)),
        answer(dispute(status="under_review")),
    )

    assert (await bench.gateway.get_dispute(DISPUTE_ID)).status is DisputeStatus.OPEN
    assert (await bench.gateway.accept_dispute(DISPUTE_ID)).amount_deducted == 50000
    assert (await bench.gateway.contest_dispute(DISPUTE_ID, CONTEST)).status is DisputeStatus.UNDER_REVIEW

    assert [(sent.method, sent.target) for sent in bench.host.received] == [
        ("GET", f"/v1/disputes/{DISPUTE_ID}"),
        ("POST", f"/v1/disputes/{DISPUTE_ID}/accept"),
        ("PATCH", f"/v1/disputes/{DISPUTE_ID}/contest"),
    ]
    assert bench.host.received[1].json == {}
    assert bench.host.received[2].json["shipping_proof"] == [DOCUMENT_ID]
    assert bench.host.received[2].headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["get_dispute", "accept_dispute", "contest_dispute"])
@pytest.mark.parametrize("body", [dispute(id="disp_other"), dispute(payment_id=None), collection(dispute()), {}])
async def test_r7_an_answer_about_another_dispute_is_no_answer(bench: Bench, name: str, body: Any) -> None:
    bench.play(answer(body))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await VERBS[name](bench.gateway)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Action not allowed when dispute is in under_review status.", "dispute_not_open"),
        ("Action not allowed as deadline to respond has elapsed.", "dispute_deadline_passed"),
    ],
)
@pytest.mark.parametrize("name", ["accept_dispute", "contest_dispute"])
async def test_a_dispute_that_is_decided_or_late_is_said_so(bench: Bench, name: str, said: str, reason: str) -> None:
    bench.play(answer(error(said), status=400))

    with pytest.raises(Refused, match=reason):
        await VERBS[name](bench.gateway)


async def test_a_document_is_handed_in_as_a_form(bench: Bench) -> None:
    bench.play(answer(document()))

    assert await bench.gateway.upload_document(b"%PDF\x00", name="slip.pdf", mime="application/pdf") == DOCUMENT_ID

    (sent,) = bench.host.received
    assert (sent.method, sent.target) == ("POST", "/v1/documents")
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="slip.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\x00\r\n' in sent.body
    assert b'name="purpose"\r\n\r\ndispute_evidence\r\n' in sent.body


async def test_a_large_document_arrives_whole(bench: Bench) -> None:
    bench.play(answer(document()))

    assert await bench.gateway.upload_document(b"x" * 3_000_000, name="x.png", mime="image/png") == DOCUMENT_ID

    (sent,) = bench.host.received
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert int(sent.headers["content-length"]) == len(sent.body) > 3_000_000
    assert b"x" * 3_000_000 in sent.body


@pytest.mark.parametrize("mime", ["text/html", "", "image/png\r\nX: y", "APPLICATION/PDF"])
async def test_a_document_of_another_type_never_leaves_the_house(bench: Bench, mime: str) -> None:
    with pytest.raises(Refused, match="document_type_not_taken") as caught:
        await bench.gateway.upload_document(b"x", name="x", mime=mime)

    assert caught.value.field == "mime"
    assert bench.host.received == []
