"""Files that may stand as evidence: told by what they begin with, and named in letters that the processor takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.disputes.files import mime_of, plain_name

TAKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (b"%PDF-1.7\r\n", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00", "image/png"),
        (b"", None),
        (b"GIF89a", None),
        (b"<html>%PDF-", None),
        (b"PK\x03\x04", None),
    ],
)
def test_the_file_itself_says_what_it_is(content, mime):
    assert mime_of(content) == mime


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("receipt.pdf", "receipt.pdf"),
        ("My receipt (1).PDF", "My receipt _1.pdf"),
        ("C:\\papers\\receipt.pdf", "receipt.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("रसीद.pdf", "document.pdf"),
        ("photo.jpg", "photo.jpg.pdf"),
        ("", "document.pdf"),
        (".pdf", "document.pdf"),
        ('a"\r\nX: y.pdf', "a_X_ y.pdf"),
    ],
)
def test_a_name_is_written_in_plain_letters_with_the_ending_of_its_type(name, plain):
    assert plain_name(name, mime="application/pdf") == plain


@given(name=st.text(max_size=300), mime=st.sampled_from(["application/pdf", "image/jpeg", "image/png"]))
def test_n3_whatever_a_file_is_called_its_name_is_one_that_the_api_takes(name, mime):
    plain = plain_name(name, mime=mime)
    assert TAKEN.fullmatch(plain), plain
    assert plain_name(plain, mime=mime) == plain
