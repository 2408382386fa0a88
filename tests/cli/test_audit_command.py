from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def sounds(tmp_path, write_sounds):
    folder = write_sounds(tmp_path / "sounds", 3, seconds=0.5)
    soundfile.write(folder / "silent.wav", np.zeros(8000), 8000)
    (folder / "broken.wav").write_text("not audio")
    (folder / "notes.txt").write_text("text")
    return folder


def test_every_file_has_a_row_and_every_reason_a_count(sounds, found):
    audit = found("audit", sounds)
    assert (audit["files"], audit["kept"], audit["dropped"]) == (6, 3, 3)
    assert audit["reasons"] == {"silent": 1, "unreadable": 1, "not_audio": 1}
    rows = {row["source"]: row for row in audit["rows"]}
    assert len(rows) == 6
    assert rows["a tone 0.wav"] == {
        "source": "a tone 0.wav", "status": "kept", "reason": "", "seconds": 0.5, "sample_rate": 8000, "channels": 1,
        "copy_of": "", "note": "",
    }  # fmt: skip
    assert (rows["broken.wav"]["status"], rows["broken.wav"]["reason"]) == ("dropped", "unreadable")


def test_the_text_counts_reasons_and_lists_what_is_dropped(sounds, flowshot):
    status, out, err = flowshot("audit", sounds)
    assert (status, err) == (0, "")
    counts, dropped = out.split("\n\n")
    words = [line.split()[:2] for line in counts.splitlines()[2:] if not line.startswith(" ")]
    assert words == [["kept", "3"], ["unreadable", "1"], ["not_audio", "1"], ["silent", "1"]]
    listed = [(line.split()[0], line.split()[-1]) for line in dropped.splitlines()[2:]]
    assert listed == [("unreadable", "broken.wav"), ("not_audio", "notes.txt"), ("silent", "silent.wav")]


def test_a_terminal_of_80_columns_holds_every_line_and_both_ends_of_a_long_path(sounds, flowshot, found, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    deep = sounds / "/".join(["a folder of a long name"] * 8)
    deep.mkdir(parents=True)
    (deep / "the last part.wav").write_text("not audio")
    _, out, _ = flowshot("audit", sounds)
    assert max(map(len, out.splitlines())) <= 80
    (line,) = [line for line in out.splitlines() if "part.wav" in line]
    assert line.startswith("unreadable ") and "a folder of" in line and line.endswith("last part.wav")
    assert str((deep / "the last part.wav").relative_to(sounds)) in {
        row["source"] for row in found("audit", sounds)["rows"]
    }


def test_a_recording_whose_header_gives_no_length_is_kept_and_told(sounds, found, flowshot):
    content = bytearray((sounds / "a tone 0.wav").read_bytes())
    content[40:44] = bytes(4)  # the size of the chunk `data`
    (sounds / "a tone 0.wav").write_bytes(content)
    (row,) = [row for row in found("audit", sounds)["rows"] if row["source"] == "a tone 0.wav"]
    assert (row["status"], row["seconds"]) == ("kept", 0.5) and "gives no length" in row["note"]
    assert "1 of the kept: its header gives no length" in flowshot("audit", sounds)[1]


def test_options_change_what_is_kept(sounds, found):
    assert found("audit", sounds, "--cut", "windows", "--seconds", 1)["reasons"]["too_short"] == 3
    assert found("audit", sounds, "--silence-db", -1)["reasons"]["silent"] == 4
    assert found("audit", sounds, "--seconds", 0.004)["kept"] == 3


def test_nothing_is_written(sounds, found):
    before = sorted(sounds.parent.rglob("*"))
    found("audit", sounds)
    assert sorted(sounds.parent.rglob("*")) == before


def test_an_empty_folder_has_no_rows(tmp_path, found):
    assert found("audit", tmp_path)["rows"] == []


def test_what_is_no_folder_is_named(tmp_path, fails):
    assert f"{tmp_path}/none: does not exist" in fails("audit", tmp_path / "none")
    (tmp_path / "file").touch()
    assert "file: is not a folder" in fails("audit", tmp_path / "file")


@pytest.mark.parametrize(("text", "said"), [("", "clips: is missing; add it"), ("clips: 5\n", "clips must be")])
def test_a_project_without_settings_of_clips_is_one_line(tmp_path, monkeypatch, fails, text, said):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("datasets: {}\n" + text)
    assert f"params.yaml: {said}" in fails("audit", tmp_path)
