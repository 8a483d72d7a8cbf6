"""The answer to a dispute, given at the dashboard without scripts: written, proved by files, submitted once."""

import io

import aiohttp
import pytest

from app.disputes.files import DOCUMENT_BYTES, FORM_BYTES
from tests.dashboard.browser import SCRIPT

PDF = b"%PDF-1.7 a receipt\r\n\x00\xff"
PNG = b"\x89PNG\r\n\x1a\n a picture"
STORY = "The parcel was delivered and signed for."


@pytest.fixture
async def dispute(world, merchant):
    """The path of an open dispute."""
    return f"/dashboard/disputes/{await world.add_dispute(merchant)}"


async def add(browser, dispute, content, *, name="receipt.pdf", kind="shipping_proof", token=None):
    """Send the form with a file as a browser does."""
    form = token
    if form is None:
        form = (await browser.get(f"{dispute}/contest")).form(f"{dispute}/documents").fields
    sent = aiohttp.FormData(quote_fields=False)
    for field, value in {**form, "kind": kind}.items():
        if field != "file":
            sent.add_field(field, value)
    sent.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
    return await browser.ask("POST", f"{dispute}/documents", sent)


async def shown(merchant, dispute):
    return (await merchant.ask("GET", f"/api/v1/disputes/{dispute.rpartition('/')[2]}")).data


async def write(browser, dispute, summary=STORY):
    return await browser.follow(await browser.send(f"{dispute}/contest", f"{dispute}/contest", summary=summary))


async def test_an_answer_is_written_proved_and_submitted(merchant, owner, dispute):
    assert f"{dispute}/contest" in (await owner.get(dispute)).links
    drafted = await write(owner, dispute)
    assert "kept as a draft" in drafted.words
    assert STORY in drafted.words
    added = await owner.follow(await add(owner, dispute, PDF, name="C:\\My receipt (1).pdf"))
    assert "The document is added." in added.words
    await add(owner, dispute, PNG, name="door.png", kind="proof_of_service")
    page = await owner.get(f"{dispute}/contest")
    assert "My receipt _1.pdf Shipping proof 1 KiB" in page.words
    assert "door.png Proof of service 1 KiB" in page.words
    question = await owner.get(f"{dispute}/submit")
    for words in (
        "submitted once",
        "₹500.00",
        STORY,
        "My receipt _1.pdf (Shipping proof)",
        "door.png (Proof of service)",
    ):
        assert words in question.words
    done = await owner.follow(await owner.send(f"{dispute}/submit", f"{dispute}/submit"))
    assert "Your answer is submitted." in done.words
    assert "Under review" in done.words
    assert f"{dispute}/contest" not in done.links
    known = await shown(merchant, dispute)
    assert (known["status"], known["answered"], known["summary"]) == ("under_review", "contested", STORY)
    assert [(one["name"], one["content_type"], one["kind"]) for one in known["documents"]] == [
        ("My receipt _1.pdf", "application/pdf", "shipping_proof"),
        ("door.png", "image/png", "proof_of_service"),
    ]
    account = merchant.account
    basic = aiohttp.encode_basic_auth(account["key_id"], account["key_secret"])
    url = f"{merchant.world.simulator.url}/v1/disputes/{known['gateway_dispute_id']}"
    async with owner.session.get(url, headers={"Authorization": basic}) as answer:
        evidence = (await answer.json())["evidence"]
    assert evidence["summary"] == STORY
    assert evidence["shipping_proof"] == [known["documents"][0]["id"]]
    assert evidence["proof_of_service"] == [known["documents"][1]["id"]]


async def test_what_is_submitted_is_decided_and_can_not_be_answered_again(owner, dispute):
    await write(owner, dispute)
    await add(owner, dispute, PDF)
    token = (await owner.get(f"{dispute}/submit")).form(f"{dispute}/submit").fields
    assert "notice=dispute_contested" in (await owner.ask("POST", f"{dispute}/submit", token)).location
    assert "notice=dispute_contested" in (await owner.ask("POST", f"{dispute}/submit", token)).location
    for page in ("contest", "submit"):
        assert "problem=dispute_not_open" in (await owner.get(f"{dispute}/{page}")).location
    assert "problem=dispute_not_open" in (await add(owner, dispute, PDF, token=token)).location


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "shipping_proof", "This file is empty."),
        (b"GIF89a", "shipping_proof", "This is no PDF, JPEG or PNG."),
        (b"MZ an .exe that calls itself a PDF", "shipping_proof", "This is no PDF, JPEG or PNG."),
        (b"%PDF-" + b"x" * DOCUMENT_BYTES, "shipping_proof", "This file is larger than 3 MiB."),
        (b"%PDF-" + b"x" * (FORM_BYTES - 2048), "shipping_proof", "This file is larger than 3 MiB."),
        (PDF, "", "Choose what it proves."),
        (PDF, SCRIPT, "Choose what it proves."),
    ],
)
async def test_a_file_that_the_bank_would_not_get_is_refused_on_the_page(merchant, owner, dispute, content, kind, said):
    refused = await add(owner, dispute, content, kind=kind)
    assert (refused.status, said in refused.words) == (422, True)
    assert refused.form(f"{dispute}/documents").fields.keys() >= {"form_token", "file", "kind"}
    assert "<script>alert" not in refused.text
    assert (await shown(merchant, dispute))["documents"] == []


async def test_no_file_at_all_is_told_too(owner, dispute):
    page = await owner.send(f"{dispute}/contest", f"{dispute}/documents", kind="other")
    assert (page.status, "Choose a file." in page.words) == (422, True)


async def test_an_answer_that_is_not_whole_is_not_asked_about_and_not_submitted(merchant, owner, dispute):
    page = await owner.get(f"{dispute}/submit")
    assert page.status == 422
    assert "Write what happened, and keep it as a draft" in page.words
    assert "add at least one" in page.words
    token = page.form(f"{dispute}/contest").fields
    assert (await owner.ask("POST", f"{dispute}/submit", token)).status == 422
    too_long = await owner.send(f"{dispute}/contest", f"{dispute}/contest", summary="x" * 1001)
    assert (too_long.status, "at most 1000 letters" in too_long.words) == (422, True)
    assert (await shown(merchant, dispute))["status"] == "open"


async def test_a_document_that_was_removed_is_not_submitted(merchant, owner, dispute):
    await write(owner, dispute)
    await add(owner, dispute, PDF, name="wrong.pdf")
    await add(owner, dispute, PNG, name="right.png")
    page = await owner.get(f"{dispute}/contest")
    remove = next(form for form in page.forms if form.action.endswith("/remove"))
    removed = await owner.follow(await owner.ask("POST", remove.action, remove.fields))
    assert "wrong.pdf" not in removed.words
    assert "problem=dispute_document_not_found" in (await owner.ask("POST", remove.action, remove.fields)).location
    await owner.send(f"{dispute}/submit", f"{dispute}/submit")
    assert [one["name"] for one in (await shown(merchant, dispute))["documents"]] == ["right.png"]


async def test_what_was_changed_since_it_was_read_is_read_again_first(merchant, owner, team, dispute):
    await write(owner, dispute)
    await add(owner, dispute, PDF)
    asked = (await owner.get(f"{dispute}/submit")).form(f"{dispute}/submit").fields
    await add(team["developer"], dispute, PNG, name="another.png")
    again = await owner.ask("POST", f"{dispute}/submit", asked)
    assert again.location.startswith(f"{dispute}/submit?problem=dispute_busy")
    assert "another.png" in (await owner.follow(again)).words
    assert (await shown(merchant, dispute))["status"] == "open"
    assert "notice=dispute_contested" in (await owner.send(f"{dispute}/submit", f"{dispute}/submit")).location


async def test_s12_s14_a_file_goes_only_with_the_forms_token_and_by_those_who_may(owner, team, browsers, dispute):
    assert "form_expired" in (await add(owner, dispute, PDF, token={"form_token": "x"})).text
    assert "permission_denied" in (await add(team["viewer"], dispute, PDF, token={"form_token": "x"})).text
    assert (await add(await browsers(), dispute, PDF, token={})).location.startswith("/dashboard/sign-in")
    assert f"{dispute}/contest" not in (await team["viewer"].get(dispute)).links


async def test_s13_a_strangers_file_reaches_no_dispute_of_ours(world, merchant, browsers, dispute):
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    token = (await stranger.get("/dashboard")).form("/dashboard/mode").fields
    assert (await add(stranger, dispute, PDF, token=token)).status == 404
    for page in ("contest", "submit"):
        assert (await stranger.get(f"{dispute}/{page}")).status == 404
        assert (await stranger.ask("POST", f"{dispute}/{page}", token)).status == 404
    assert (await shown(merchant, dispute))["documents"] == []


async def test_s12_a_script_in_an_answer_is_shown_and_not_run(owner, dispute):
    await write(owner, dispute, SCRIPT)
    await add(owner, dispute, PDF, name=f"{SCRIPT}.pdf")
    for page in ("", "/contest", "/submit"):
        text = (await owner.get(f"{dispute}{page}")).text
        assert "<script>alert" not in text, page
        assert "<img src=x" not in text, page
