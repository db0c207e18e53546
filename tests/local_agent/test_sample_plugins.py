"""The sample releases, run by an agent: each answers with something that depends on its params and envs."""

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from synapse_sdk.local_agent import LocalAgent
from tests.local_agent.support import EXAMPLES, Api


@pytest.fixture
def api() -> Iterator[Api]:
    with LocalAgent(EXAMPLES, auth=False, validate_responses=True) as agent, Api(base_url=agent.url) as api:
        yield api
    assert agent.violations == []


def test_my_plugin_answers_for_its_input_and_for_what_is_posted(api: Api) -> None:
    endpoint = api.create("my_plugin@1.0.0", params={"input": "some data"})["endpoint"]
    assert httpx.get(endpoint).json() == {
        "plugin": "my_plugin",
        "input": "some data",
        "characters": 9,
        "words": 2,
        "sha256": hashlib.sha256(b"some data").hexdigest(),
    }
    assert httpx.post(endpoint, content="é".encode()).json()["characters"] == 1


def test_my_plugin_says_more_when_it_is_debugged(api: Api) -> None:
    endpoint = api.create("my_plugin@1.0.0", envs={"DEBUG": "true"})["endpoint"]
    assert httpx.get(endpoint).json()["milliseconds"] >= 0


def test_ocr_processor_describes_itself(api: Api) -> None:
    endpoint = api.create("ocr_processor@2.0.0", params={"format": "pdf"}, envs={"WORKERS": "4"})["endpoint"]
    expected = {"plugin": "ocr_processor", "version": "2.0.0", "format": "pdf", "workers": 4}
    assert httpx.get(endpoint).json() == expected
    assert httpx.post(endpoint).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "content_type", "expected"),
    [
        ("json", "application/json", b'{"lines": ["fine text", "second \\\\ (line)"]}'),
        ("text", "text/plain; charset=utf-8", b"fine text\nsecond \\ (line)\n"),
    ],
)
def test_ocr_processor_lays_out_the_lines(api: Api, wanted: str, content_type: str, expected: bytes) -> None:
    endpoint = api.create("ocr_processor@2.0.0", params={"format": wanted})["endpoint"]
    response = httpx.post(f"{endpoint}/ocr", content="ﬁne \t text\n\n  second \\ (line)".encode())
    assert response.headers["Content-Type"] == content_type
    assert response.content == expected


def test_ocr_processor_makes_a_pdf_whose_parts_are_where_its_table_says(api: Api) -> None:
    endpoint = api.create("ocr_processor@2.0.0", params={"format": "pdf"}, envs={"WORKERS": "2"})["endpoint"]
    lines = "\n".join(f"line ({number})" for number in range(60))
    pdf = httpx.post(f"{endpoint}/ocr", content=lines).content
    assert pdf.startswith(b"%PDF-1.4\n")
    assert b"/Count 2 " in pdf
    assert rb"(line \(59\)) Tj" in pdf
    table = int(pdf.rpartition(b"startxref\n")[2].split()[0])
    entries = pdf[table:].splitlines()[3:]
    offsets = [int(entry.split()[0]) for entry in entries[: entries.index(b"trailer")] if entry.endswith(b"n ")]
    assert len(offsets) == 7
    for number, offset in enumerate(offsets, start=1):
        assert pdf[offset:].startswith(f"{number} 0 obj\n".encode())


def test_ocr_processor_refuses_a_format_that_it_does_not_have(api: Api) -> None:
    wanted = {"plugin_release": "ocr_processor@2.0.0", "params": {"format": "docx"}}
    response = api.post("/containers/docker/", json=wanted)
    assert response.status_code == 422
    assert "The format 'docx' is none of json, text, pdf." in response.json()["detail"]
