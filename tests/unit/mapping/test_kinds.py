"""Single values are checked as Kombo's server and the ATSs behind it would, and never rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mapping.one_row import body_of, map_row, problems_of

INVISIBLE = ["\u200b", "\ufeff", "\u00ad", "\u3164", "\u2060\u200d", "\u115f", "\u2800", "\U000e0041", " \u200b\u00a0"]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_name_of_invisible_characters_only_is_no_name(text: str) -> None:
    assert problems_of(map_row({"candidate__last_name": text})) == {"candidate__last_name": "is required"}
    assert "title" not in body_of(map_row({"candidate__title": text}))["candidate"]
    links = [{"url": "https://a.example"}, {"url": text}]
    assert body_of(map_row({"candidate__social_links": links}))["candidate"]["social_links"] == links[:1]
    assert map_row({"applicant_id": text}).key_problem == "applicant_id is empty"


@pytest.mark.parametrize("name", ["Zoë", "محمد\u200cرضا", "한글", "👩\u200d🔬", "é"])
def test_invisible_characters_inside_a_visible_text_stay(name: str) -> None:
    assert body_of(map_row({"candidate__last_name": name}))["candidate"]["last_name"] == name


@pytest.mark.parametrize(
    "email", ["a\u200bb@x.org", "\ufeffa@x.org", "a@x\u00ad.org", "a@x.or\u2060g", "a@x.org\u3164"]
)
def test_an_invisible_character_in_an_email_is_a_problem(email: str) -> None:
    found = problems_of(map_row({"candidate__email_address": email}))
    assert "invisible character" in found["candidate__email_address"]


@pytest.mark.parametrize(
    "email",
    [
        "a..b@x.org",
        ".a@x.org",
        "a.@x.org",
        "a@-b.org",
        "a@b-.org",
        "a@x.123",
        "a@x",
        "a@x..org",
        "a@.org",
        "a@x.org.",
        "@x.org",
        "a@b@x.org",
        "a b@x.org",
        "a@x_y.org",
        "a" * 65 + "@x.org",
        "a@" + "x" * 260 + ".org",
        "a@1.2.3.4",
        "Frank <a@x.org>",
        "a@x.org, b@x.org",
        "a@x.org\nb@x.org",
        "a@[127.0.0.1]",
        "a@x.o",
        "a@x.1o",
        "a@" + "x" * 64 + ".org",
        "a@x." + "y" * 64,
    ],
    ids=lambda email: email[:20],
)
def test_an_email_that_no_server_would_take_is_a_problem(email: str) -> None:
    found = problems_of(map_row({"candidate__email_address": email}))
    assert "expected one e-mail address" in found["candidate__email_address"]


@pytest.mark.parametrize(
    "email",
    [
        "a.b+c@x.org",
        "o'hara@x-y.co.uk",
        "a@x.museum",
        "a@1x.org",
        "a@x.xn--p1ai",
        "ü@bücher.de",
        "अ@उदाहरण.भारत",
        "a_b@x--y.org",
        "!#$%&*/=?^`{|}~@x.org",
        "a" * 64 + "@x.org",
        "1@2.c3",
    ],
)
def test_an_email_that_may_exist_passes(email: str) -> None:
    assert body_of(map_row({"candidate__email_address": email}))["candidate"]["email_address"] == email


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("UK", "expected GB"),
        ("EL", "expected GR"),
        ("XX", "no country"),
        ("YU", "no country"),
        ("de", "two capital letters"),
        ("DEU", "two capital letters"),
        ("Germany", "two capital letters"),
    ],
)
def test_what_is_no_country_of_iso_3166_is_a_problem_that_names_the_right_code(code: str, expected: str) -> None:
    assert expected in problems_of(map_row({"candidate__location__country": code}))["candidate__location__country"]


@pytest.mark.parametrize("code", ["DE", "GB", "GR", "XK", "AX", " US "])
def test_a_country_passes(code: str) -> None:
    assert body_of(map_row({"candidate__location__country": code}))["candidate"]["location"]["country"] == code.strip()


@pytest.mark.parametrize(
    "name",
    [
        "cv",
        ".pdf",
        "..pdf",
        "cv.",
        "cv.pdf/",
        "../cv.pdf",
        "a/cv.pdf",
        "a\\cv.pdf",
        "cv\n.pdf",
        "cv.pdf\nx",
        "cv.p df",
        "cv\u202efdp.exe",
        "cv\u2028.pdf",
        "https://a.b/cv.pdf",
        " .pdf",
    ],
    ids=ascii,
)
def test_a_file_name_without_an_ending_or_with_a_folder_is_a_problem(name: str) -> None:
    file = {"name": name, "data_url": "https://a.example/cv"}
    attachment = problems_of(map_row({"attachments": [{**file, "type": "CV"}]}))
    answer = problems_of(map_row({"screening_question_answers": [{"question_id": "q", "answer": file}]}))
    assert "expected a file's name" in attachment["attachments[0].name"]
    assert "expected a file's name" in answer["screening_question_answers[0].answer.name"]


@pytest.mark.parametrize("name", ["cv.pdf", "Lebenslauf Zoë (neu).final.PDF", "履歴書.docx", ".cv.pdf"])
def test_a_file_name_with_an_ending_passes(name: str) -> None:
    attachment = {"name": name, "type": "CV", "data_url": "https://a.example/cv"}
    assert body_of(map_row({"attachments": [attachment]}))["attachments"] == [attachment]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("data:text/plain;base64,AAAA", "cut off what stands before it"),
        ("AAAA\r\nAAAA", "without line breaks"),
        ("AA-_", "alphabet"),
        ("AA", "padding"),
        ("no base64!", "expected base64"),
        ("", "exactly one of"),
    ],
)
def test_base64_of_another_kind_is_named(data: str, expected: str) -> None:
    attachment: dict[str, Any] = {"name": "a.txt", "type": "CV", "content_type": "text/plain", "data": data}
    (problem,) = problems_of(map_row({"attachments": [attachment]})).values()
    assert expected in problem


@pytest.mark.parametrize(
    "url", ["https://example.com", "HTTPS://ü.example/ä?b[]=1#c", "ftp://u:p@files.example:21/x", "http://[::1]:80/"]
)
def test_absolute_urls_leave_as_they_are(url: str) -> None:
    assert body_of(map_row({"candidate__social_links": [{"url": url}]}))["candidate"]["social_links"] == [{"url": url}]


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "/ada",
        "https://",
        "https://?x",
        "https://a b.example",
        "https://a.example/<x>",
        "http://[::1",
        "https://a:port/",
        "https://a.example:123456",
        "https://a\u200bb.example",
        "https://exa[mple.com",
        "mailto:a@b.co",
    ],
)
def test_what_no_url_parser_takes_is_a_problem(url: str) -> None:
    found = problems_of(map_row({"candidate__social_links": [{"url": url}]}))
    assert "absolute URL" in found["candidate__social_links[0].url"]
