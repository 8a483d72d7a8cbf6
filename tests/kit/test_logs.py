"""Log lines are JSON on one line each, and carry no secret, card number or personal datum (N8, S18)."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app.kit.clock import MovableClock
from app.kit.logs import REDACTED, Renderer, configure_logs, describe_exception, scrub

CARD = "4111 1111 1111 1111"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    target = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    before = structlog.get_config()
    configure_logs(level="debug", stream=target, clock=MovableClock())
    yield target
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()
    root.handlers = handlers
    root.setLevel(level)


def lines_of(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_context(stream: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_1")
    structlog.get_logger("app.payments").info("captured", amount=50_000, parts=(1, 2), nested={"state": "ready"})
    assert lines_of(stream) == [
        {
            "timestamp": "2026-01-01T00:00:00.000Z",
            "level": "info",
            "logger": "app.payments",
            "event": "captured",
            "request_id": "req_1",
            "amount": 50_000,
            "parts": [1, 2],
            "nested": {"state": "ready"},
        }
    ]


def test_a_nameless_logger_belongs_to_the_app(stream: io.StringIO) -> None:
    structlog.get_logger().warning("here")
    assert lines_of(stream)[0]["logger"] == "app"


def test_the_standard_library_logs_through_the_same_renderer(stream: io.StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="req_2")
    logging.getLogger("uvicorn.error").warning("listening with %s", "rzp_test_abcdefgh")
    line = lines_of(stream)[0]
    assert line["event"] == f"listening with rzp_test_{REDACTED}"
    assert (line["logger"], line["level"], line["request_id"]) == ("uvicorn.error", "warning", "req_2")


def test_the_drivers_own_trouble_is_a_warning_since_it_tries_again(stream: io.StringIO) -> None:
    logging.getLogger("pymongo.client").error("MongoClient background task encountered an error")
    logging.getLogger("uvicorn.error").error("something else")
    assert [line["level"] for line in lines_of(stream)] == ["warning", "error"]


def test_levels_below_the_chosen_one_are_silent() -> None:
    target = io.StringIO()
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logs(level="ERROR", stream=target)
    structlog.get_logger().info("no")
    logging.getLogger("pymongo").warning("no")
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)
    assert target.getvalue() == ""


def test_logs_go_to_standard_output_by_default(capsys: Any) -> None:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logs()
    structlog.get_logger().info("hello")
    structlog.configure(**before)
    root.handlers = handlers
    root.setLevel(level)
    assert json.loads(capsys.readouterr().out)["event"] == "hello"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "razorpay_key_secret",
        "access_token",
        "Authorization",
        "card",
        "email",
        "contact",
        "vpa",
        "api_key",
        "webhook_signature",
        "phone",
        "set-cookie",
        "cvv",
        "otp",
    ],
)
def test_fields_with_secret_names_are_redacted_at_any_depth(stream: io.StringIO, name: str) -> None:
    structlog.get_logger().info("x", **{name: "value-1", "outer": {"inner": [{name: "value-2"}]}})
    assert lines_of(stream)[0][name] == REDACTED
    assert lines_of(stream)[0]["outer"] == {"inner": [{name: REDACTED}]}


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("Bearer abc.def-ghi", "abc.def-ghi"),
        ("authorization: bearer abcdefgh", "abcdefgh"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJ"),
        ("pg_live_abcdefgh12345678", "abcdefgh"),
        ("the key pgk_test_-jXd2huV4h-9_x was refused", "jXd2"),
        ("the key pgk_live_jXd2-huV4h was refused", "huV4h"),
        ("token pgr.ses_01KAQ7X2V8M3TZB5C6D9EFGHJK.1.q-2_x is old", "q-2"),
        ("rzp_live_abcdefgh", "abcdefgh"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8I", "MfKQ9r8"),
        ("mongodb://user:pa55@host:27017/x", "pa55"),
        ("someone@example.com", "someone"),
        ("\nsomeone@example.com", "someone"),
        (CARD, "1111"),
        ("4111111111111111", "1111"),
    ],
)
def test_s18_values_that_look_like_secrets_are_redacted_wherever_they_stand(
    stream: io.StringIO, value: str, secret: str
) -> None:
    structlog.get_logger().info(f"a {value} b", field=value, deep=[{"x": value}], **{f"key {value}": 1})
    (line,) = stream.getvalue().splitlines()
    assert secret not in line
    assert json.loads(line)["deep"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to someone@example.com", f"to {REDACTED}"),
        ("<some.one+tag@shop.example.com>, x", f"<{REDACTED}>, x"),
        ("a@b+victim@example.com", REDACTED),
        ("a@b..victim@example.com", REDACTED),
        ("@a@.victim@example.com", f"@a@{REDACTED}"),
        ("5 @ 10, a@ b", "5 @ 10, a@ b"),
        ("mongodb+srv://user:pa55@host/x", f"mongodb+srv://{REDACTED}@host/x"),
        ("xhttp://y://user:pa55@host", f"xhttp://y://{REDACTED}@host"),
        ("http://host/path and http://user@host", f"http://host/path and http://{REDACTED}@host"),
        ("token_eyJhbGci.eyJzdWIi.c2ln;", f"token_{REDACTED};"),
        ("xeyJeyJhbGci.eyJzdWIi", f"x{REDACTED}"),
        ("eyJab.eyJhbGci.b", f"eyJab.{REDACTED}"),
        ("eyJ and eyJhbGci are no tokens.", "eyJ and eyJhbGci are no tokens."),
    ],
)
def test_s18_a_secret_is_cut_out_to_the_end_of_its_word(text: str, shown: str) -> None:
    assert scrub(text) == shown


_PARTS = st.sampled_from(
    ["eyJ", "eyJabcd", "a", "_", "-", "+", ".", "@", "://", ":", "/", " ", "\\", '"', "\u0967", "]"]
)
_LEFT = re.compile(
    r"""[\w.+-]@[\w-]                                 # somebody's address
    |\w://(?!\[redacted\]@)[^\s/@"\\]+@            # a password in an address
    |eyJ[\w-]{4,}\.[\w-]                             # a token""",
    re.VERBOSE,
)


@given(st.lists(_PARTS, max_size=40).map("".join))
@settings(max_examples=400, deadline=None)
def test_s18_no_mixture_of_addresses_and_tokens_leaves_one_of_them_readable(text: str) -> None:
    assert not _LEFT.search(scrub(text)), scrub(text)


def test_s18_a_card_number_as_a_number_is_masked(stream: io.StringIO) -> None:
    structlog.get_logger().info("x", value=4111111111111111, amount=999_999_999_999)
    assert lines_of(stream)[0]["value"] == "[card number]"
    assert lines_of(stream)[0]["amount"] == 999_999_999_999


@given(text=st.text(), key=st.text(min_size=1))
def test_n8_any_text_stays_on_one_plain_line(text: str, key: str) -> None:
    line = Renderer(MovableClock()).line({"event": text, key: [text]}, level="info", name="app")
    assert line.isascii()
    assert line.isprintable()
    assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("nasty", ["a\r\nSet-Cookie: x", "\x1b[31mred\x1b[0m", "\x00", "\u2028", "\u202e", "\ud800"])
def test_n8_line_breaks_and_terminal_codes_are_escaped(stream: io.StringIO, nasty: str) -> None:
    structlog.get_logger().info("x", value=nasty)
    assert len(stream.getvalue().splitlines()) == 1
    assert stream.getvalue().strip().isprintable()


def inner() -> None:
    raise KeyError("inner")


def outer() -> None:
    try:
        inner()
    except KeyError as error:
        message = f"outer with {CARD}"
        raise ValueError(message) from error


def without_cause() -> None:
    try:
        inner()
    except KeyError:
        raise ValueError("shown") from None


def test_an_exception_is_logged_as_fields_with_its_cause(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    with pytest.raises(ValueError, match="outer") as caught:
        outer()
    log.error("one", exc_info=caught.value)
    log.error("two", exc_info=(caught.type, caught.value, caught.tb))
    try:
        outer()
    except ValueError:
        log.exception("three")
        logging.getLogger("lib").exception("four")
    lines = lines_of(stream)
    assert len(lines) == 4
    for line in lines:
        assert line["level"] == "error"
        assert line["exception"]["type"] == "builtins.ValueError"
        assert line["exception"]["message"] == "outer with [card number]"
        assert line["exception"]["frames"][-1].endswith(" outer")
        assert line["exception"]["cause"] == {"type": "KeyError", "message": "'inner'"}


def test_an_exception_raised_from_none_has_no_cause() -> None:
    with pytest.raises(ValueError, match="shown") as caught:
        without_cause()
    assert "cause" not in describe_exception(caught.value)


def test_a_validator_s_sentence_is_reduced_to_places_and_rules() -> None:
    class Model(BaseModel):
        amount: int

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"amount": "my-secret-input"})
    assert describe_exception(caught.value)["message"] == "amount: int_parsing"


def test_objects_and_bottomless_structures_are_shown_shortly(stream: io.StringIO) -> None:
    endless: list = []
    endless.append(endless)
    structlog.get_logger().info("x", thing=MovableClock, endless=endless, nothing=None, yes=True, ratio=0.5)
    line = lines_of(stream)[0]
    assert "MovableClock" in line["thing"]
    assert "<list>" in json.dumps(line["endless"])
    assert (line["nothing"], line["yes"], line["ratio"]) == (None, True, 0.5)


def test_exc_info_without_an_exception_adds_nothing(stream: io.StringIO) -> None:
    structlog.get_logger().error("x", exc_info=True)
    assert "exception" not in lines_of(stream)[0]


def test_plain_text_is_left_alone() -> None:
    assert scrub("payment pmt_01JGFJJZ captured at 12:00") == "payment pmt_01JGFJJZ captured at 12:00"
