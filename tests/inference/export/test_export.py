"""`fewlabel export` as a user runs it: what is written, and what is refused with nothing written."""

import sys

import pytest

from fewlabel.inference.export.export import export
from fewlabel.inference.export.formats import Format
from fewlabel.utils.errors import InputError
from helpers import preloaded


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_writes_both_and_replaces_on_demand_alone(weights, tmp_path):
    command = ["export", weights(), "-o", tmp_path / "out"]
    process = preloaded.run(*command, check=True)
    assert [line.partition(": largest difference of probabilities ")[0] for line in process.stdout.splitlines()] == [
        str(tmp_path / "out" / "network.onnx"),
        str(tmp_path / "out" / "monai_bundle"),
    ]
    before = content(tmp_path / "out")
    process = preloaded.run(*command, "--format", "onnx")
    assert process.returncode == 1 and "contains an export; to fix: use --replace" in process.stderr
    assert content(tmp_path / "out") == before
    export(weights(), tmp_path / "out", [Format.ONNX], replace=True)
    # The same weights give the same bytes, and what was not asked for again is gone.
    assert content(tmp_path / "out") == {n: text for n, text in before.items() if "monai_bundle" not in n}


def test_what_is_no_network_is_refused(weights, tmp_path):
    (tmp_path / "text.safetensors").write_text("no weights")
    for path, said in (
        (tmp_path, "a folder; accepted: a weights file"),
        (tmp_path / "none.safetensors", "no such weights file"),
        (tmp_path / "text.safetensors", "damaged, or not weights of fewlabel"),
        (weights(name="a.safetensors", settings={"method": {}}), "weights of a pretraining"),
        (weights(name="b.safetensors", prepared=None), "no working grid"),
    ):
        with pytest.raises(InputError, match=said):
            export(path, tmp_path / "out", list(Format))
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_of_something_else_is_never_replaced(weights, tmp_path, replace):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"contains thesis\.txt, which is not of an export"):
        export(weights(), tmp_path / "out", list(Format), replace)
    assert content(tmp_path / "out") == {"thesis.txt": b"years of work"}


def test_places_that_cannot_be_are_refused(weights, tmp_path):
    (tmp_path / "file").touch()
    for to, said in ((tmp_path / "file", "a file; accepted"), (tmp_path / "no" / "where", "no such folder")):
        with pytest.raises(InputError, match=said):
            export(weights(), to, list(Format))


@pytest.mark.parametrize(
    ("missing", "formats", "said"),
    [
        ("onnxscript", [Format.ONNX], "not installed: onnxscript; to fix: install the extra `export`"),
        ("ignite", [Format.MONAI], "not installed: ignite; to fix: install"),
    ],
)
def test_without_the_extra_it_says_what_to_install(weights, tmp_path, monkeypatch, missing, formats, said):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=said):
        export(weights(), tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()
