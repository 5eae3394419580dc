"""What the system refuses ends in a line that names the place, the reason and what to do, and never in a traceback."""

import errno
import fcntl
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from fewlabel.config.jobs.base import canonical
from fewlabel.config.jobs.data import FetchSettings
from fewlabel.config.sources.nifti import NiftiSource
from fewlabel.data.csv_tables import read_subjects
from fewlabel.utils.atomic_files import partial_name
from fewlabel.utils.errors import InputError, plain, printable
from fewlabel.utils.json_files import load_json
from fewlabel.utils.locks import hold_lock, hold_lock_until_exit
from fewlabel.utils.system_errors import demand_writable, describe, refuse_out_of_memory
from helpers import preloaded
from helpers.refusals import error_of


def ended(body, *arguments):
    """What `main` prints where the application does what `body` says, and its exit code."""
    code = (
        f"import sys, os, pathlib\nimport fewlabel.cli.main as cli\ndef app():\n    {body}\ncli.app = app\ncli.main()"
    )
    done = preloaded.run(code, *arguments, program="python-c")
    return done.stderr, done.returncode


def loop(folder):
    """A link that leads to itself."""
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


@pytest.mark.parametrize(
    ("make", "reason", "todo"),
    [
        (lambda folder: folder, "Is a directory", "name a file"),
        (lambda folder: folder / "none", "No such file or directory", "check the path"),
        (lambda folder: folder / ("a" * 300), "File name too long", "use a shorter name"),
        (loop, "Too many levels of symbolic links", "correct the symbolic link"),
    ],
)
def test_an_error_of_the_system_is_told_in_one_line(tmp_path, make, reason, todo):
    path = make(tmp_path)
    said, code = ended("open(sys.argv[1])", path)
    assert code == 1 and said.count("\n") == 1
    assert said.startswith(f"fewlabel: {path}: {reason}; to fix: ") and todo in said


def test_temporary_names_are_told_as_the_names_to_be(tmp_path):
    path = tmp_path / "weights.safetensors"
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial_name(path)))
    assert describe(error) == (
        f"{path}: No space left on device; to fix: free some space (`fewlabel stale-files` lists leftovers of "
        "killed jobs), then run the same command again"
    )
    assert describe(OSError("unable to open")) == "unable to open; to fix: check the file and its disk"


def test_memory_that_does_not_suffice_is_told_in_one_line():
    for body in ("import numpy; numpy.ones(2**50)", "import torch; torch.ones(2**50)", "raise MemoryError"):
        said, code = ended(body)
        assert code == 1 and said.startswith("fewlabel: out of memory") and "lower the batch" in said, said
        assert said.count("\n") == 1


def test_mistakes_of_the_program_keep_their_traceback():
    for body in ("raise RuntimeError('x')", "{}['a']", "raise ValueError('x')"):
        said, code = ended(body)
        assert code == 1 and "Traceback" in said


def test_a_text_in_another_encoding_is_told(tmp_path):
    (tmp_path / "a").write_bytes("Zürich".encode("latin-1"))
    said, code = ended("pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')", tmp_path / "a")
    assert code == 1 and said.startswith("fewlabel: a text file is not UTF-8 (") and said.count("\n") == 1


def test_memory_names_its_volume():
    def out():
        with refuse_out_of_memory("a.nii.gz"):
            raise MemoryError

    assert error_of(out).startswith("a.nii.gz: out of memory; to fix: ")
    with pytest.raises(RuntimeError, match="other"), refuse_out_of_memory("a"):
        raise RuntimeError("other")


# ------------------------------------------------------------------------------------------------------------ outputs
def test_outputs_that_cannot_be_written_are_refused_all_at_once_and_nothing_is_left(tmp_path):
    (tmp_path / "file").touch()
    demand_writable([tmp_path / "a.csv", tmp_path / "new" / "deep" / "a.csv"])
    message = error_of(demand_writable, [tmp_path / "file" / "a.csv", tmp_path / ("a" * 250), loop(tmp_path) / "a"])
    first, second, third = message.splitlines()
    assert first.startswith(f"{tmp_path}/file/a.csv: cannot be written (Not a directory)")
    assert "the name is too long" in second
    assert "loop/a: cannot be written" in third
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_a_command_refuses_its_outputs_before_it_reads_anything(tmp_path):
    (tmp_path / "file").touch()
    command = ["draw", "--settings", '{"cohort": "c", "seed": 1, "draw": 1}', "--roles", tmp_path / "none.csv"]
    command += ["--order", tmp_path / "file" / "draw.csv"]
    done = preloaded.run(*command)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "file/draw.csv: cannot be written (Not a directory)" in done.stderr


# --------------------------------------------------------------------------------------------------- locks, texts, JSON
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_without_file_locks_work_goes_on_with_a_warning(tmp_path, monkeypatch, capsys, number):
    """No file system without locks can be made here: the system's answer is given in its place."""

    def none(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    done = []
    with hold_lock(tmp_path / "training.state"):
        done.append(True)
    assert done and hold_lock_until_exit(tmp_path / ".running") is None
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 2
    assert all(f"warning: {tmp_path}: no file locks here (" in each and "one at a time" in each for each in warnings)


def test_a_lock_that_another_has_is_still_waited_for(tmp_path):
    code = "import sys, pathlib; from fewlabel.utils.locks import hold_lock_until_exit; "
    code += "print(hold_lock_until_exit(pathlib.Path(sys.argv[1])))"
    assert hold_lock_until_exit(tmp_path / ".running") is None
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / ".running"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"process {os.getpid()}"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "9" * 5000, b"\xff\xfe", "", "{"])
def test_json_that_is_none_is_a_value_error(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError):
        load_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", [b"", b"subject,\xff\n", b'subject\n"a\n', b"a,b\n1,2,3\n1,2\n1,2,3,4\n"])
def test_a_table_that_is_none_is_told(tmp_path, content):
    (tmp_path / "roles.csv").write_bytes(content)
    assert "roles.csv: not a CSV table (" in error_of(read_subjects, tmp_path / "roles.csv")


def test_a_table_without_its_columns_is_told(tmp_path):
    (tmp_path / "roles.csv").write_text("subject,patient\na,b\n")
    assert list(read_subjects(tmp_path / "roles.csv", "patient").columns) == ["subject", "patient"]
    message = error_of(read_subjects, tmp_path / "roles.csv", "role")
    assert message.endswith("roles.csv: no column role; found: subject, patient; to fix: make it again")


def test_a_link_that_leads_to_itself_is_told_where_a_path_is_resolved(tmp_path):
    said, code = ended("pathlib.Path(sys.argv[1]).resolve(); open(sys.argv[1])", loop(tmp_path))
    assert code == 1 and "Traceback" not in said and "correct the symbolic link" in said and said.count("\n") == 1


def test_control_characters_never_reach_a_terminal():
    nasty = "a\x1b[2J\x07\x9b\u202e\u2028\udcff\rb\x00"
    assert printable(nasty) == "a\\x1b[2J\\x07\\x9b\\u202e\\u2028\\udcff\\rb\\x00"
    assert printable("Zürich 肝臓 – 5 µm\tx\ny") == "Zürich 肝臓 – 5 µm\tx\ny"
    assert str(InputError(nasty)) == printable(nasty)
    assert plain("a\n  b\x1b") == "a b\\x1b" and len(plain("a" * 10**6)) < 210


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes names in UTF-8 alone")
def test_names_that_are_no_utf8_or_hold_escapes_reach_a_terminal_as_plain_text(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(3):
        image = generator.random((12, 12, 4)).astype(np.float32)
        for part, array in (("images", image), ("labels", (image > 0.8).astype(np.uint8))):
            (tmp_path / part).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), tmp_path / part / f"s{number}.nii.gz")
    (tmp_path / "images" / os.fsdecode(b"README\xff\x1b[2J")).touch()
    settings = FetchSettings(cohort="c", source=NiftiSource(kind="nifti", folder=str(tmp_path)), fingerprint="x")
    command = ["fetch", "--settings", canonical(settings), "--subjects", tmp_path / "s.csv", "--source", tmp_path / "s"]
    done = preloaded.run(*command, text=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert b"README\\udcff\\x1b[2J" in said and b"\x1b" not in said
