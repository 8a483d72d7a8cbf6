"""The answer to a dispute: what happened, the documents that prove it, and handing both to the bank for good."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import Question, ask, carry_out
from app.dashboard.disputes import facts_of, page_of
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.route import DashboardRoute, UploadRoute
from app.disputes.files import DOCUMENT_BYTES, mime_of, plain_name
from app.disputes.models import Dispute, DisputeStatus
from app.disputes.problems import DisputeBusy, DisputeNotOpen
from app.disputes.service import MOST_DOCUMENTS
from app.gateways.contest import Contest, EvidenceKind
from app.pages.forms import Upload
from app.pages.times import ZONE_COOKIE, time_tag, zone_of

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/disputes")
uploads = APIRouter(route_class=UploadRoute, include_in_schema=False, prefix=f"{HOME}/disputes")
routers = (router, uploads)

_SUMMARY_LENGTH = 1000
_SEEN = "seen"
_MEBIBYTE = 1024 * 1024


@router.get("/{dispute_id}/contest")
async def dashboard_dispute_contest_page(dispute_id: str, request: Request) -> Response:
    """Show the answer as far as it is written, with its documents."""
    desk = desk_of(request)
    return await _show(desk, await desk.door.disputes.get_dispute(desk.scope, dispute_id))


@router.post("/{dispute_id}/contest")
async def dashboard_dispute_contest(dispute_id: str, request: Request) -> Response:
    """Keep what was written as a draft; the documents go with the submitted answer."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    summary = desk.form.get("summary", "").strip()
    if not 0 < len(summary) <= _SUMMARY_LENGTH:
        said = f"Write what happened, in at most {_SUMMARY_LENGTH} letters."
        return await _show(desk, known, summary=summary, errors={"summary": said})

    async def deed() -> object:
        answer = Contest(summary=summary, documents={}, amount=None, is_final=False)
        return await desk.door.disputes.contest_dispute(desk.scope, known.id, answer)

    return await carry_out(desk, deed, back=_answer_of(known), notice="dispute_drafted")


@uploads.post("/{dispute_id}/documents")
async def dashboard_dispute_document_add(dispute_id: str, request: Request) -> Response:
    """Hand a file to the processor as evidence; a file that it would not take is refused on the page."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    upload, kind = desk.files.get("file"), desk.form.get("kind", "")
    errors = _errors_of(upload)
    if kind not in set(EvidenceKind):
        errors["kind"] = "Choose what it proves."
    if upload is None or errors:
        return await _show(desk, known, kind=kind, errors=errors)
    mime = mime_of(upload.content) or ""

    async def deed() -> object:
        return await desk.door.disputes.add_document(
            desk.scope,
            known.id,
            content=upload.content,
            name=plain_name(upload.name, mime=mime),
            mime=mime,
            kind=EvidenceKind(kind),
        )

    return await carry_out(desk, deed, back=_answer_of(known), notice="document_added")


@router.post("/{dispute_id}/documents/{document_id}/remove")
async def dashboard_dispute_document_remove(dispute_id: str, document_id: str, request: Request) -> Response:
    """Leave a document out of the answer."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)

    async def deed() -> None:
        await desk.door.disputes.remove_document(desk.scope, known.id, document_id)

    return await carry_out(desk, deed, back=_answer_of(known), notice="document_removed")


@router.get("/{dispute_id}/submit")
async def dashboard_dispute_submit_page(dispute_id: str, request: Request) -> Response:
    """Ask whether the answer goes to the bank as it is; one that is not whole goes back to be written."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    if known.status is not DisputeStatus.OPEN:
        return desk.refused(page_of(known), DisputeNotOpen())
    if missing := _missing(known):
        return await _show(desk, known, errors=missing)
    documents = [f"{one.name} ({_words(one.kind or EvidenceKind.OTHER)})" for one in known.evidence]
    question = Question(
        title="Submit this answer?",
        says=[
            "Your answer goes to the customer's bank, with every document that is named here.",
            "It is submitted once: after this you can change nothing and add nothing.",
            "The bank decides. Until it has, nothing of the payment can be refunded.",
            "If the bank decides against you, the amount is taken from you.",
        ],
        button="Submit the answer",
        back=_answer_of(known),
        hidden={_SEEN: str(known.version)},
        facts=[
            *facts_of(known),
            ("Last day", _last_day(desk, known)),
            ("What happened", known.summary),
            *((f"Document {number}", name) for number, name in enumerate(documents, start=1)),
        ],
    )
    return await ask(desk, question)


@router.post("/{dispute_id}/submit")
async def dashboard_dispute_submit(dispute_id: str, request: Request) -> Response:
    """Hand the answer to the bank."""
    desk = desk_of(request)
    known = await desk.door.disputes.get_dispute(desk.scope, dispute_id)
    if known.status is DisputeStatus.OPEN and (missing := _missing(known)):
        return await _show(desk, known, errors=missing)
    if known.status is DisputeStatus.OPEN and desk.form.get(_SEEN) != str(known.version):
        # What was read on the page of the question is not what would be submitted now.
        return desk.refused(f"{page_of(known)}/submit", DisputeBusy())

    async def deed() -> object:
        answer = Contest(summary=known.summary or "", documents=_documents(known), amount=None, is_final=True)
        return await desk.door.disputes.contest_dispute(desk.scope, known.id, answer)

    return await carry_out(desk, deed, back=page_of(known), notice="dispute_contested")


async def _show(
    desk: Desk,
    dispute: Dispute,
    *,
    summary: str | None = None,
    kind: str = "",
    errors: Mapping[str, str] | None = None,
) -> Response:
    if dispute.status is not DisputeStatus.OPEN:
        return desk.refused(page_of(dispute), DisputeNotOpen())
    return await desk.show(
        "dispute_answer.html",
        status=422 if errors else 200,
        dispute=dispute,
        at=page_of(dispute),
        summary=dispute.summary or "" if summary is None else summary,
        kind=kind,
        kinds=[("", "Choose what it proves"), *((one.value, _words(one)) for one in EvidenceKind)],
        words=_words,
        most_documents=MOST_DOCUMENTS,
        most_mebibytes=DOCUMENT_BYTES // _MEBIBYTE,
        errors=dict(errors or {}),
    )


def _errors_of(upload: Upload | None) -> dict[str, str]:
    if upload is None:
        return {"file": "Choose a file."}
    if not upload.content:
        return {"file": "This file is empty."}
    if len(upload.content) > DOCUMENT_BYTES:
        return {"file": f"This file is larger than {DOCUMENT_BYTES // _MEBIBYTE} MiB."}
    if mime_of(upload.content) is None:
        return {"file": "This is no PDF, JPEG or PNG."}
    return {}


def _missing(dispute: Dispute) -> dict[str, str]:
    """Return what an answer lacks before it can be submitted."""
    missing = {}
    if not dispute.summary:
        missing["summary"] = "Write what happened, and keep it as a draft, before you submit."
    if not dispute.evidence:
        missing["file"] = "The bank takes no answer without a document: add at least one."
    return missing


def _documents(dispute: Dispute) -> Mapping[EvidenceKind, list[str]]:
    named: dict[EvidenceKind, list[str]] = {}
    for one in dispute.evidence:
        named.setdefault(one.kind or EvidenceKind.OTHER, []).append(one.id)
    return named


def _words(kind: EvidenceKind) -> str:
    return kind.value.replace("_", " ").capitalize()


def _last_day(desk: Desk, dispute: Dispute) -> str:
    if dispute.respond_by is None:
        return "not named"
    zone = zone_of(desk.request.cookies.get(ZONE_COOKIE))
    return time_tag(dispute.respond_by, zone, "en", with_clock=False)


def _answer_of(dispute: Dispute) -> str:
    return f"{page_of(dispute)}/contest"
