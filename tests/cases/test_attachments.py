"""Images, sounds and documents of messages: read once, referred to by their content, and refused with their place."""

import hashlib
import pickle
import re
from base64 import b64encode
from copy import deepcopy
from pathlib import Path

import pytest

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.attachments import MOST_BYTES, Attachments
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import UsageError
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.reply_request import with_contents

DOCS = Path(__file__).parents[2] / "docs" / "cases.md"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
WAV = b"RIFF\0\0\0\0WAVEfmt "
PDF = b"%PDF-1.7\n"
MP3 = b"ID3\x04"
CONTENTS = {
    "images/lamp.png": PNG, "images/photo.png": JPEG, "a.wav": WAV, "a.mp3": MP3, "docs/terms.pdf": PDF,
    "notes.md": b"# Notes", "movie.mp4": b"\0\0\0\x18ftypmp42", "empty.png": b"", "odd.bin": b"\0\1",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A project with files, in which `cases` is the folder of a case file."""
    for name, data in CONTENTS.items():
        path = tmp_path / "project" / "cases" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "secret.png").write_bytes(PNG)
    return tmp_path / "project" / "cases"


def read(folder, *parts, **fields):
    given = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *parts]}], **fields}
    return build_case(given, where="a.yaml:2", attachments=Attachments(folder, folder.parent))


def image(path):
    return {"type": "image_url", "image_url": {"url": path}}


def reference(media_type, data):
    return f"attached:{media_type};bytes={len(data)};sha256={hashlib.sha256(data).hexdigest()}"


def sent(case):
    """Return the last part of the first message as it is sent."""
    return with_contents(list(case.messages), case.files)[0]["content"][-1]


def test_file_becomes_a_reference_and_is_sent_as_an_address(folder):
    case = read(folder, image("file:images/lamp.png"))
    assert case.messages[0]["content"][1] == image(reference("image/png", PNG))
    assert sent(case) == image(f"data:image/png;base64,{b64encode(PNG).decode()}")
    assert case.messages[0]["content"][0] == {"type": "text", "text": "What is it?"}


def test_media_type_is_that_of_the_content(folder):
    """A photo that was saved under another name is what it is."""
    assert sent(read(folder, image("file:images/photo.png")))["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_sound_is_sent_as_plain_base64_with_its_format(folder):
    for name, data, kind in (("a.wav", WAV, "wav"), ("a.mp3", MP3, "mp3")):
        part = {"type": "input_audio", "input_audio": {"data": f"file:{name}"}}
        assert sent(read(folder, part))["input_audio"] == {"data": b64encode(data).decode(), "format": kind}


def test_document_has_a_name_that_does_not_depend_on_its_path(folder):
    part = {"type": "file", "file": {"file_data": "file:docs/terms.pdf"}}
    address = f"data:application/pdf;base64,{b64encode(PDF).decode()}"
    assert sent(read(folder, part))["file"] == {"file_data": address, "filename": "document.pdf"}
    named = {"type": "file", "file": {"file_data": "file:notes.md", "filename": "mine.md"}}
    assert sent(read(folder, named))["file"]["filename"] == "mine.md"
    assert sent(read(folder, named))["file"]["file_data"].startswith("data:text/markdown;base64,")


def test_address_may_be_a_plain_text(folder):
    part = {"type": "video_url", "video_url": "file:movie.mp4"}
    assert sent(read(folder, part))["video_url"]["url"].startswith("data:video/mp4;base64,")


@pytest.mark.parametrize("url", ["https://a.example/lamp.png", "data:image/png;base64,AAAA", "file:///srv/lamp.png"])
def test_other_addresses_are_sent_unchanged(folder, url):
    case = read(folder, image(url))
    assert (sent(case), case.files) == (image(url), ())


def test_request_depends_on_the_content_and_not_on_the_path(folder):
    (folder / "moved.png").write_bytes(PNG)
    first, moved = (read(folder, image(f"file:{name}"), id="a") for name in ("images/lamp.png", "moved.png"))
    assert first.messages == moved.messages
    (folder / "moved.png").write_bytes(PNG + b"!")
    changed = read(folder, image("file:moved.png"), id="a")
    assert request_hash({"messages": list(first.messages)}) != request_hash({"messages": list(changed.messages)})


def test_made_id_depends_on_the_path_and_not_on_the_content(folder):
    """Otherwise a changed image would be another test."""
    before = read(folder, image("file:images/lamp.png")).id
    (folder / "images" / "lamp.png").write_bytes(PNG + b"!")
    assert read(folder, image("file:images/lamp.png")).id == before


def test_file_is_read_once_for_all_cases(folder, monkeypatch):
    reads = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path.name) or original(path))
    attachments = Attachments(folder, folder.parent)
    for number in range(3):
        turns = [{"user": [image("file:images/lamp.png")]}, {"user": [image("file:images/lamp.png")]}]
        build_case({"turns": turns, "id": f"a{number}"}, where="", attachments=attachments)
    assert reads == ["lamp.png"]


def test_content_does_not_travel_between_processes(folder):
    """A result of a worker has the reference only."""
    case = read(folder, image("file:images/lamp.png"))
    packed = pickle.dumps(case)
    assert b"PNG" not in packed
    assert pickle.loads(packed) == case
    assert deepcopy(case).files[0].data == PNG
    assert "PNG\\r" not in repr(case)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("gone.png", "gone.png cannot be read: No such file or directory"),
        ("images", "images cannot be read: Is a directory"),
        ("empty.png", "empty.png is empty"),
        ("../../secret.png", "../../secret.png is outside of the project"),
        ("/etc/hostname", "/etc/hostname is outside of the project"),
        ("odd.bin", "odd.bin is not a PNG, JPEG, GIF or WebP image: its type is unknown"),
        ("docs/terms.pdf", "docs/terms.pdf is not a PNG, JPEG, GIF or WebP image: it holds application/pdf"),
    ],
)
def test_file_that_cannot_be_sent_is_named_with_its_field(folder, path, problem):
    with pytest.raises(UsageError) as caught:
        read(folder, image(f"file:{path}"))
    first, hint = str(caught.value).splitlines()
    assert first == f"a.yaml:2: messages[0].content[1].image_url.url: {problem}"
    assert hint.endswith("[case-attachment]")


def test_place_is_that_in_the_case_also_beside_system_and_in_turns(folder):
    with pytest.raises(UsageError, match=re.escape("a.yaml:2: messages[0].content[1].image_url.url: ")):
        read(folder, image("file:gone.png"), system="Be brief.")
    turns = ["Hello.", {"user": [image("file:gone.png")]}]
    with pytest.raises(UsageError, match=re.escape("a.yaml:2: turns[1].user[0].image_url.url: ")):
        read(folder, messages=None, turns=turns)


def test_link_that_leads_out_of_the_project_is_refused(folder):
    (folder / "link.png").symlink_to(folder.parents[1] / "secret.png")
    with pytest.raises(UsageError, match="outside of the project"):
        read(folder, image("file:link.png"))


def test_file_that_is_too_large_is_refused_before_it_is_read(folder):
    with (folder / "large.png").open("wb") as file:
        file.truncate(MOST_BYTES + 100_000)
    with pytest.raises(UsageError, match=re.escape("large.png has 20.1 MB, and at most 20 MB are sent")):
        read(folder, image("file:large.png"))


def test_case_file_names_files_beside_it(folder):
    """The example of docs/cases.md is read, with both files."""
    [block] = [text for text in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL) if "file:" in text]
    (folder / "a.yaml").write_text(block)
    lamp, terms = read_cases(folder / "a.yaml", "a.yaml", folder.parent)
    assert [file.media_type for file in (*lamp.files, *terms.files)] == ["image/png", "application/pdf"]
    assert terms.messages == (terms.turns[0].message,)
    assert terms.messages[0]["content"][1]["file"]["file_data"] == reference("application/pdf", PDF)
