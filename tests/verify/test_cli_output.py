"""The command line: how much it says of a run."""

from verify import cli
from verify.verdict import Report, Verdict


def test_quiet_prints_what_failed_and_the_summary(campaign, capsys):
    assert cli.main(["backprop", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("proved: 1 derivation, 1 equation: 1 proved") and printed.err == ""
    campaign.verdicts = (Verdict.PROVED, Verdict.REFUTED)
    assert cli.main(["backprop", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("backprop/dJ_d1 is refuted") and "dJ_d0" not in out


def test_verbose_says_what_was_done_of_each_unit(campaign, capsys):
    assert cli.main(["backprop", "--verbose"]) == 0
    printed = capsys.readouterr()
    assert printed.err == (
        "verify: backprop relu: 0 shapes, 0 points, 0 cases, 0 programs; trace 2.0 s; dJ_d0 is not proved\n"
    )
    assert "trace" not in printed.out
    assert cli.main(["--quiet", "--verbose"]) == 2
    assert "--quiet and --verbose: expected one of the two" in capsys.readouterr().err


def test_timings_are_a_table_of_what_the_time_was_spent_on(campaign, capsys):
    report = Report({}, {}, {"timings": {"trace": 3.0, "compile": 1.0}}, [])
    campaign.run = lambda targets, settings, progress: report
    assert cli.main(["backprop", "--timings"]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["trace", "3.0", "75%"] in lines and ["compile", "1.0", "25%"] in lines
    assert ["all", "processes", "together", "4.0"] in lines
