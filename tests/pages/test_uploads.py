"""Forms with files: read as browsers write them, and refused when they are anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.forms import FormExpected, Upload, parse_upload
from app.web.errors import BadRequest, CardNumberRefused

BOUNDARY = "----WebKitFormBoundaryAbC123"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
PLAIN = "application/x-www-form-urlencoded"


def part(head, content):
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n".encode() + b"\r\n" + content + b"\r\n"


def body(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def test_fields_and_files_are_told_apart():
    raw = body(
        part('name="form_token"', b"abc"),
        part('name="note"', "नमस्ते\r\nवहाँ".encode()),
        part('name="file"; filename="a b.pdf"\r\nContent-Type: application/pdf', b"%PDF-\r\n--x\r\n\x00\xff"),
        part('name="none"; filename=""\r\nContent-Type: application/octet-stream', b""),
    )
    fields, files = parse_upload(raw, content_type=TYPE)
    assert fields == {"form_token": "abc", "note": "नमस्ते\nवहाँ"}
    assert files == {"file": Upload("a b.pdf", b"%PDF-\r\n--x\r\n\x00\xff")}
    assert "%PDF" not in repr(files)


def test_a_quoted_boundary_and_a_plain_form_are_read_too():
    assert parse_upload(body(part('name="a"', b"1")), content_type=TYPE.replace(BOUNDARY, f'"{BOUNDARY}"'))[0] == {
        "a": "1"
    }
    assert parse_upload(b"a=1&b=2", content_type=PLAIN) == ({"a": "1", "b": "2"}, {})
    assert parse_upload(b"", content_type=None) == ({}, {})


@given(
    content=st.binary(max_size=400),
    text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=40),
)
def test_n3_any_file_comes_out_as_it_went_in(content, text):
    raw = body(part('name="file"; filename="f"', content), part('name="text"', text.encode()))
    try:
        fields, files = parse_upload(raw, content_type=TYPE, allow_cards=True)
    except BadRequest:
        assert f"\r\n--{BOUNDARY}".encode() in b"\r\n" + content
    else:
        assert (files["file"].content, fields["text"]) == (content, text)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"nothing of the sort", BadRequest),
        (b"preamble\r\n" + body(part('name="a"', b"1")), BadRequest),
        (body(part('name="a"', b"1"))[:-6], BadRequest),
        (body(part("filename=x", b"1")), BadRequest),
        (body(part('name="a"' + "; x=y" * 500, b"1")), BadRequest),
        (body(part('name="a"', b"\xff\xfe")), BadRequest),
        (body(part('name="a"', b"a\x00b")), BadRequest),
        (body(*[part(f'name="f{number}"', b"1") for number in range(101)]), BadRequest),
        (f"--{BOUNDARY}\r\nno blank line--{BOUNDARY}--".encode(), BadRequest),
        (body(part('name="a"', b"4111 1111 1111 1111")), CardNumberRefused),
        (body(part('name="file"; filename="4111111111111111.pdf"', b"%PDF-")), CardNumberRefused),
    ],
)  # fmt: skip
def test_n3_n13_s18_what_is_no_form_of_ours_is_refused(raw, error):
    with pytest.raises(error):
        parse_upload(raw, content_type=TYPE)


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/mixed; boundary=x", "multipart/form-data", None]
)
def test_n13_another_type_is_refused(content_type):
    with pytest.raises(FormExpected):
        parse_upload(b"x", content_type=content_type)


@given(raw=st.binary(max_size=300))
def test_n3_no_bytes_whatever_end_otherwise(raw):
    for sent in (raw, body(raw), body(part('name="a"; filename="b"', raw), raw)):
        try:
            parse_upload(sent, content_type=TYPE)
        except (BadRequest, CardNumberRefused):
            continue
