"""Documents: `/v1/documents`, files that may stand as evidence (razorpay.md section 8)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.answers import Answer
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.dispute_entities import Document
from razorpay_simulator.errors import bad_request
from razorpay_simulator.wire import SentFile

_PURPOSES = frozenset({"dispute_evidence"})
_TYPES = ("image/jpg", "image/jpeg", "image/png", "application/pdf")
_GUESSED = {".jpg": "image/jpg", ".jpeg": "image/jpeg", ".png": "image/png", ".pdf": "application/pdf"}


def create_document(call: Call) -> Any:
    """Keep a file that came as a form."""
    body = call.body
    validation.refuse_extra(body, frozenset({"file", "purpose"}))
    validation.require(body, ["file", "purpose"])
    sent = body["file"]
    if not isinstance(sent, SentFile) or not sent.content:
        raise bad_request("The file field is required.", field="file")
    if body["purpose"] not in _PURPOSES:
        raise bad_request("The selected purpose is invalid.", field="purpose")
    made = Document(
        id=call.world.ids.new("doc"),
        purpose=body["purpose"],
        name=sent.name,
        mime_type=_type_of(sent),
        created_at=call.world.clock.seconds(),
        content=sent.content,
    )
    call.account.documents[made.id] = made
    call.world.journal.write("document.created", account=call.account.id, document=made.id, size=len(made.content))
    return made.to_wire()


def _type_of(sent: SentFile) -> str:
    """Return the type that the sender gave, else that of the name's end. Raises ApiError."""
    guessed = next((kind for end, kind in _GUESSED.items() if sent.name.lower().endswith(end)), None)
    found = sent.mime_type if sent.mime_type in _TYPES else guessed
    if found is None:
        raise bad_request(f"The file must be a file of type: {', '.join(_TYPES)}.", field="file")
    return found


def get_document(call: Call) -> Any:
    """Return what is known of a document."""
    return _find(call).to_wire()


def get_content(call: Call) -> Any:
    """Return a document itself."""
    found = _find(call)
    return Answer(200, found.content, content_type=found.mime_type)


def _find(call: Call) -> Document:
    found: Document = validation.lookup(call.account.documents, call.path_params["id"], "doc")
    return found


ROUTES = (
    Route("POST", "/v1/documents", create_document),
    Route("GET", "/v1/documents/{id}", get_document),
    Route("GET", "/v1/documents/{id}/content", get_content),
)
