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
        "copy_of": "",
    }  # fmt: skip
    assert (rows["broken.wav"]["status"], rows["broken.wav"]["reason"]) == ("dropped", "unreadable")


def test_the_text_counts_reasons_and_lists_what_is_dropped(sounds, flowshot):
    status, out, err = flowshot("audit", sounds)
    assert (status, err) == (0, "")
    counts, dropped = out.split("\n\n")
    assert [line.split()[:2] for line in counts.splitlines()[2:]] == [
        ["kept", "3"], ["unreadable", "1"], ["not_audio", "1"], ["silent", "1"]
    ]  # fmt: skip
    assert [line.split()[0] for line in dropped.splitlines()[2:]] == ["broken.wav", "notes.txt", "silent.wav"]


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
    assert "file: is no folder" in fails("audit", tmp_path / "file")
