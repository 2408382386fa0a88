import os

import pytest

from flowshot.core.errors import FlowshotError
from flowshot.sources.fetch import fetch
from flowshot.sources.inputs import folder_changed, input_files, list_files
from sound_folders import dataset


@pytest.fixture
def indexed(tmp_path, write_audio, folder_config):
    for name in ("a.wav", "b/c.wav"):
        write_audio(tmp_path / "sounds" / name)
    raw = tmp_path / "raw/mine"
    fetch("mine", folder_config(), raw)
    return tmp_path / "sounds", raw, folder_config()


def test_an_unchanged_folder_is_read_from_where_it_is(indexed):
    folder, raw, config = indexed
    _, files = input_files("mine", config, raw)
    assert [file.path for file in files] == [folder / "a.wav", folder / "b/c.wav"]
    assert not folder_changed(config, raw)


@pytest.mark.parametrize("change", ["touched", "longer", "gone", "renamed"])
def test_a_file_that_changed_underneath_is_one_line_and_noticed(indexed, change):
    folder, raw, config = indexed
    path = folder / "b/c.wav"
    if change == "touched":
        os.utime(path, ns=(1, 1))
    elif change == "longer":
        path.write_bytes(path.read_bytes() + b"x")
    elif change == "gone":
        path.unlink()
    else:
        path.rename(folder / "b/d.wav")
    assert folder_changed(config, raw)
    with pytest.raises(FlowshotError, match=r"b/c\.wav: was removed or changed .* run `dvc repro --force fetch@mine`"):
        input_files("mine", config, raw)


def test_a_new_file_is_noticed(indexed, write_audio):
    folder, raw, config = indexed
    write_audio(folder / "new.wav")
    assert folder_changed(config, raw)


def test_a_folder_that_vanished_is_one_line(indexed):
    folder, raw, config = indexed
    folder.rename(folder.with_name("elsewhere"))
    assert folder_changed(config, raw)
    with pytest.raises(FlowshotError, match="was removed after it was indexed"):
        input_files("mine", config, raw)


def test_the_index_of_another_folder_is_not_used(indexed, tmp_path):
    _, raw, _ = indexed
    (tmp_path / "other").mkdir()
    config = dataset("folder", path=str(tmp_path / "other"))
    with pytest.raises(FlowshotError, match="index of a folder other than"):
        input_files("mine", config, raw)


def test_what_was_not_fetched_or_for_another_source_is_one_line(indexed, tmp_path):
    _, raw, config = indexed
    with pytest.raises(FlowshotError, match=r"no fetched dataset .* fetch@mine"):
        input_files("mine", config, tmp_path / "raw/none")
    with pytest.raises(FlowshotError, match=r"holds 'folder', but params\.yaml asks for 'synth'"):
        input_files("mine", dataset("synth"), raw)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"folder": 1, "files": 2}'])
def test_a_damaged_index_is_one_line(indexed, content):
    _, raw, config = indexed
    (raw / "index.json").write_text(content)
    with pytest.raises(FlowshotError, match="no index of a folder"):
        input_files("mine", config, raw)
    assert folder_changed(config, raw)


def test_fetched_sources_never_change_by_themselves(tmp_path):
    assert not folder_changed(dataset("synth"), tmp_path / "nothing")


def test_files_are_listed_and_what_only_looks_like_one_with_its_problem(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "folder.wav/inside.wav").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "folder.wav/inside.wav")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    listed = list_files(tmp_path)
    assert {file.source: file.problem for file in listed} == {
        "dangling.wav": "unreadable", "folder.wav": "not_audio", "folder.wav/inside.wav": "", "link.wav": "",
        "loop": "linked_folder", "pipe.wav": "unreadable",
    }  # fmt: skip
    assert all((file.bytes < 0) == bool(file.problem) and not file.changed() for file in listed)


def test_a_dangling_link_that_leads_somewhere_again_has_changed(tmp_path):
    (tmp_path / "link.wav").symlink_to(tmp_path / "later.wav")
    (listed,) = list_files(tmp_path)
    (tmp_path / "later.wav").touch()
    assert listed.changed()
