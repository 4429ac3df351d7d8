"""The command line: what it passes on, prints, saves and returns, against a campaign that is played."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import verify.campaign
from verify import cli
from verify.report import terminal
from verify.verdict import Counterexample, DerivationReport, EquationReport, Report, Verdict


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((Verdict.PROVED, Verdict.PROVED), 0),
        ((Verdict.PROVED, Verdict.VERIFIED), 0),
        ((Verdict.PROVED, Verdict.INCONCLUSIVE), 1),
        ((Verdict.INACCURATE, Verdict.PROVED), 1),
        ((Verdict.DISPUTED,), 1),
        ((Verdict.REFUTED,), 1),
        ((), 1),
    ],
)
def test_exit_code_and_saved_report(campaign, capsys, verdicts, code):
    campaign.verdicts = verdicts
    assert cli.main(["backprop"]) == code
    assert "report: .verify/report.json" in capsys.readouterr().out
    saved = json.loads(Path(".verify/report.json").read_text())
    assert saved["schema"] == 1
    assert saved["verdict"] == str(Verdict.worst(verdicts))


def test_options_reach_the_campaign(campaign):
    numbers = ["--examples", "5", "--seed", "3", "--jobs", "2"]
    device = ["--dtype", "float64", "--dtype", "float16", "--platform", "cpu", "--precision", "high"]
    assert cli.main([*numbers, *device, "--only", "dJ_*", "--report", "deep/er/r.json", "backprop"]) == 0
    settings = campaign.settings
    assert (settings.examples, settings.seed, settings.dtypes) == (5, 3, ("float64", "float16"))
    assert (settings.platform, settings.precision, settings.jobs, settings.only) == ("cpu", "high", 2, "dJ_*")
    assert Path("deep/er/r.json").is_file()
    assert [target.derivation.name for target in campaign.targets] == ["backprop"]


def test_interrupted_prints_and_saves_what_is_known(campaign, capsys):
    campaign.interrupted = True
    assert cli.main(["backprop"]) == 130
    out, saved = capsys.readouterr().out, Path(".verify/report.json").read_text()
    assert "interrupted: this is what was known by then" in out
    assert json.loads(saved)["interrupted"] is True
    assert json.loads(saved)["verdict"] == "inconclusive"
    assert "proved" not in out and "proved" not in saved


def test_interrupted_before_anything_is_known(campaign, capsys):
    def run(targets, settings, progress):
        raise KeyboardInterrupt

    campaign.run = run
    assert cli.main(["backprop"]) == 130
    assert capsys.readouterr().err == "verify: interrupted before anything was judged\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("bakprop", "bakprop: no derivation, module or .py file of that name; did you mean backprop?"),
        ("nowhere.py", "nowhere.py: no such file"),
        ("--seed -1", "--seed: -1, expected a whole number from 0 to 4294967295"),
        (
            "--examples many",
            "argument --examples: invalid int value: 'many'; `python -m verify --help` shows",
        ),
        ("--dtype float8", "--dtype: 'float8', expected float64, float32, bfloat16 or float16"),
        ("--platform abacus", "--platform: 'abacus', expected cpu, gpu or tpu"),
        ("--precision exact", "--precision: 'exact', expected default, high or highest"),
        ("--colour", "unrecognized arguments: --colour; `python -m verify --help` shows"),
        (
            "--only nothing",
            "--only 'nothing' matches no derivation and no equation; --list shows what there is",
        ),
        ("backprop --report .", "--report .: is a folder; expected the name of a file"),
        ("backprop --report file/r.json", "--report file/r.json: its folder cannot be made"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(campaign, capsys, arguments, line):
    Path("file").touch()
    assert cli.main(arguments.split()) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"verify: {line}")
    assert output.err.count("\n") == 1
    assert not hasattr(campaign, "targets")


def test_a_file_that_does_not_import_shows_the_users_traceback(campaign, capsys):
    Path("broken.py").write_text("import nonsense_nobody_has\n")
    assert cli.main(["broken.py"]) == 2
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first == "Traceback (most recent call last):"
    assert last == "verify: broken.py: does not import; mend the error above"


def test_list_shows_equations_and_judges_nothing(campaign, capsys):
    assert cli.main(["--list", "backprop", "--only", "*/dJ_dW?"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Dive into Deep Learning, 'Forward Propagation") and "  backprop" in shown
    assert [line.split()[0] for line in shown if line.startswith("    dJ_")] == ["dJ_dW2", "dJ_dW1"]
    assert "∂J/∂W⁽²⁾ = ∂J/∂o hᵀ + λW⁽²⁾" in "\n".join(shown)
    assert not hasattr(campaign, "targets")


def test_output_that_is_no_terminal_is_plain(campaign, capsys):
    campaign.verdicts = (Verdict.REFUTED, Verdict.PROVED)
    cli.main(["backprop"])
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert max(map(len, output.splitlines())) <= 80


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colour_and_motion_unless_no_color(campaign, monkeypatch, no_color):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    assert cli.main(["backprop"]) == 0
    assert ("\x1b" in screen.getvalue()) is not no_color
    assert ("1/2" in screen.getvalue()) is not no_color


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root, **environment}
    command = [sys.executable, "-m", "verify", *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_a_platform_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path):
    done = run("--platform", "gpu", cwd=tmp_path, JAX_PLATFORMS="cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "verify: platform gpu: jax finds no such device, only cpu; "
        "JAX_PLATFORMS=cpu decides what it looks for\n"
    )


def test_a_users_file_from_a_folder_of_its_own(layer: Path):
    done = run("my_layer.py", "--list", cwd=layer.parent)
    assert done.returncode == 0, done.stderr
    assert "∂E/∂x = a ∂E/∂v" in done.stdout


def test_an_encoding_without_the_signs_is_no_reason_to_stop(tmp_path: Path):
    done = run("backprop", "--list", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "?J/?h = W" in done.stdout


def test_a_reader_who_leaves_does_not_change_the_exit_code(tmp_path: Path):
    code = (
        "import os; r, w = os.pipe(); os.close(r); os.dup2(w, 1);"
        "from verify.report import terminal; console = terminal.console();"
        "console.print('one'); console.print('two')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_progress_without_a_terminal_is_a_line_for_each_tenth(campaign, capsys):
    with terminal.progress(terminal.console()) as update:
        for done in range(1, 41):
            update("backprop relu", done, 40)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[0] == "verify: 4 of 40 done, backprop relu last"
    assert len(printed.err.splitlines()) == 10


def test_importing_verify_does_not_import_jax():
    code = "import sys, verify, verify.cli; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_check_and_require_stay_in_this_process(campaign, layer):
    derivation = verify_targets(layer)
    report = verify.check(derivation, seed=4, examples=3)
    assert report.good
    assert (campaign.settings.jobs, campaign.settings.seed, campaign.settings.examples) == (1, 4, 3)
    assert verify.require(derivation).good


def test_require_raises_with_the_whole_story(campaign, layer):
    case = Counterexample(
        "bounds", {}, {"n": 1}, {"a": 2.0, "x": [1.0]}, {"dE_dv": [2.0]}, (0,), 2.0, 4.0, 1e-15
    )
    wrong = EquationReport(
        "dE_dx", r"\partial E/\partial x = \partial E/\partial v", Verdict.REFUTED, counterexample=case
    )
    campaign.run = lambda targets, settings, progress: Report(
        {}, {}, {}, [DerivationReport("energy", "", [EquationReport("dE_dv", "", Verdict.PROVED), wrong])]
    )
    with pytest.raises(verify.Refuted) as raised:
        verify.require(verify_targets(layer))
    message = str(raised.value)
    assert isinstance(raised.value, AssertionError)
    assert message.startswith("energy/dE_dx is refuted")
    assert "x = np.array([1.0])" in message
    assert "jax.grad    4.0" in message
    assert "dE_dv is" not in message


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.DISPUTED, Verdict.INACCURATE])
def test_require_takes_nothing_less_than_verified(campaign, layer, verdict):
    campaign.verdicts = (Verdict.PROVED, verdict)
    with pytest.raises(verify.Refuted, match=f"energy/dJ_d1 is {verdict}"):
        verify.require(verify_targets(layer))


def test_require_of_nothing_judged_raises(campaign, layer):
    campaign.verdicts = ()
    with pytest.raises(verify.Refuted, match="energy: nothing was judged"):
        verify.require(verify_targets(layer))


def test_check_of_something_else(campaign):
    with pytest.raises(
        TypeError, match=r"check: 3 is no Derivation; expected a manual_bp\.derivation\.Derivation"
    ):
        verify.check(3)  # type: ignore[arg-type]


def verify_targets(layer: Path):
    from verify.targets import discovery as targets

    return targets.resolve([str(layer)])[0].derivation


def test_summaries_are_written_and_places_that_cannot_be_are_found_out_before(campaign, capsys):
    campaign.verdicts = (Verdict.PROVED, Verdict.REFUTED)
    assert cli.main(["backprop", "--summary", "job/summary.md", "--junit", "job/verify.xml"]) == 1
    assert Path("job/summary.md").read_text().startswith("## ❌ refuted: 1 refuted, 1 proved")
    assert 'failures="1"' in Path("job/verify.xml").read_text()
    for option in ("--summary", "--junit"):
        assert cli.main(["backprop", option, "job"]) == 2
        assert f"verify: {option} job: is a folder; expected the name of a file" in capsys.readouterr().err
