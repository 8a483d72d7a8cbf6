"""Documents: handed in as forms, and given back byte by byte."""

import io

import aiohttp
import pytest

CONTENT = bytes(range(256)) + b"\r\n--x\r\n\r\n"


def form(content=CONTENT, name="slip.png", mime="image/png", purpose="dispute_evidence"):
    """Return a form as a browser or a client library would send it."""
    fields = aiohttp.FormData()
    fields.add_field("purpose", purpose)
    fields.add_field("file", io.BytesIO(content), filename=name, content_type=mime)
    return fields


async def upload(call, **changes):
    """Hand a document in."""
    return await call.ok("POST", "/v1/documents", data=form(**changes))


async def test_a_document_is_kept_as_it_came(call):
    made = await upload(call)
    assert (made["entity"], made["purpose"], made["mime_type"]) == ("document", "dispute_evidence", "image/png")
    assert (made["name"], made["size"]) == ("slip.png", len(CONTENT))
    assert await call.ok("GET", f"/v1/documents/{made['id']}") == made
    answer = await call("GET", f"/v1/documents/{made['id']}/content")
    assert (answer.status, answer.raw, answer.headers["Content-Type"]) == (200, CONTENT, "image/png")


async def test_a_document_without_a_type_has_that_of_its_name(call):
    made = await upload(call, name="SLIP.PDF", mime="application/octet-stream")
    assert made["mime_type"] == "application/pdf"


async def test_a_large_document_is_taken_and_a_huge_one_is_not(call):
    assert (await upload(call, content=b"x" * 3_000_000))["size"] == 3_000_000
    refusal = await call.refused("POST", "/v1/documents", data=form(content=b"x" * 17_000_000))
    assert refusal["status"] == 413
    refusal = await call.refused("POST", "/v1/orders", data=io.BytesIO(b"x" * 2_000_000))
    assert refusal["status"] == 413


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"content": b""}, "The file field is required."),
        ({"purpose": "art"}, "The selected purpose is invalid."),
        (
            {"name": "slip.exe", "mime": "application/x-msdownload"},
            "The file must be a file of type: image/jpg, image/jpeg, image/png, application/pdf.",
        ),
    ],
)
async def test_a_bad_document_is_refused(call, changes, description):
    assert (await call.refused("POST", "/v1/documents", data=form(**changes)))["description"] == description


@pytest.mark.parametrize(
    ("body", "description"),
    [
        ({"file": "text", "purpose": "dispute_evidence"}, "The file field is required."),
        ({"purpose": "dispute_evidence"}, "The file field is required."),
        ({"file": "text"}, "The purpose field is required."),
        ({"colour": 1}, "colour is/are not required and should not be sent"),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(call, body, description):
    assert (await call.refused("POST", "/v1/documents", body))["description"] == description


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--",
        b"text",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n',
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--',
        b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",
        b'before\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--',
    ],
)
async def test_a_broken_form_is_refused(call, body):
    headers = {"Content-Type": 'multipart/form-data; boundary="b"'}
    assert (await call.refused("POST", "/v1/documents", data=body, headers=headers))["status"] == 400


async def test_a_form_without_files_is_read_in_this_dialect_too(call):
    body = b'--b\r\nContent-Disposition: form-data; name="amount"\r\n\r\n50000\r\n'
    body += b'--b\r\nContent-Disposition: form-data; name="currency"\r\n\r\nINR\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert (await call.ok("POST", "/v1/orders", data=body, headers=headers))["amount"] == 50_000


async def test_a_document_of_another_account_is_unknown(call, call_to):
    made = await upload(call)
    keys = await call.ok("POST", "/_sim/accounts", {})
    other = call_to(call.simulator, keys["key_id"], keys["key_secret"])
    assert (await other.refused("GET", f"/v1/documents/{made['id']}"))[
        "description"
    ] == "The id provided does not exist"
    assert (await call.refused("GET", "/v1/documents/nonsense/content"))["description"] == "nonsense is not a valid id"
