"""`fakesweep doctor`: what is installed, reachable and missing, and what to do about it."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import click

from cli.checks.finding import Finding, run_check
from cli.options import json_option
from cli.rendering.output import STDOUT, open_output
from cli.rendering.report_json import write_json
from worker.safe_text import safe_text
from worker.settings import VARIABLES, Settings, SettingsError, mask_url, read_settings

PACKAGES = ("celery", "sqlalchemy", "numpy", "opencv-python-headless", "av", "keras")


@click.command(name="doctor")
@json_option
def command(json_file: str | None) -> None:
    """Check what is installed, reachable and missing, and say what to do about it.

    Changes nothing, except that an older embedded database gets this version's tables. Ends with status 1
    where something is missing that scans need. Passwords are not shown.

    \b
    Examples:
      fakesweep doctor
      fakesweep doctor --json report.json
    """
    findings = examine()
    settings = shown_settings(os.environ)
    if json_file:
        content = {
            "findings": [asdict(finding) for finding in findings],
            "sandbox": shown_sandbox(),
            "settings": settings,
        }
        with open_output(json_file) as stream:
            write_json(content, stream)
    if json_file != STDOUT:
        _print_findings(findings)
        _print_settings(settings)
    missing = sum(finding.status == "missing" for finding in findings)
    if missing:
        raise click.ClickException(f"{missing} of {len(findings)} checks found something missing: see above")
    click.echo("Everything that scans need is there.", err=True)


def examine() -> list[Finding]:
    """Runs every check; bad settings are a finding, and end those checks that depend on them."""
    from cli.checks import machine, services

    findings = [run_check("Python", machine.check_python)]
    findings += [run_check(name, partial(machine.check_package, name)) for name in PACKAGES]
    findings.append(run_check("OpenVINO", machine.check_openvino))
    findings.append(run_check("TensorFlow", machine.check_tensorflow))
    findings.append(run_check("face detector", services.check_detector))
    try:
        settings = read_settings()
    except SettingsError as error:
        return [*findings, Finding("settings", "missing", str(error), "correct the variable")]
    return findings + _examine_with(settings)


def _examine_with(settings: Settings) -> list[Finding]:
    from cli.checks import machine, services

    return [
        run_check("ffmpeg", lambda: machine.check_ffmpeg(settings.ffmpeg)),
        run_check("sandbox", lambda: machine.check_sandbox(settings.ffmpeg, is_wanted=settings.is_sandboxed)),
        run_check(
            "hardware decoder",
            lambda: machine.check_hwaccel(settings.ffmpeg, method=settings.hwaccel, is_confined=settings.is_sandboxed),
        ),
        run_check("home", lambda: machine.check_home(settings.home)),
        run_check("classifier", lambda: services.check_classifier(settings)),
        run_check("database", lambda: services.check_database(settings)),
        run_check("broker", lambda: services.check_broker(settings)),
        run_check("workers", lambda: services.check_workers(settings)),
    ]


def shown_sandbox() -> dict[str, object]:
    """The parts of the sandbox that this machine has; the version of Landlock is 0 where there is none."""
    from worker.pipeline.sandbox import find_sandbox

    parts = find_sandbox()
    return {"landlock_abi": parts.landlock_abi, "seccomp": parts.has_seccomp, "refusals": list(parts.refusals)}


def shown_settings(environ: Mapping[str, str]) -> list[dict[str, str]]:
    """Every variable with its value (passwords masked) or its default."""
    return [
        {
            "name": variable.name,
            "value": mask_url(environ.get(variable.name, "")),
            "default": variable.default,
            "meaning": variable.meaning,
        }
        for variable in VARIABLES
    ]


def _print_findings(findings: list[Finding]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import console_for

    styles = {"ok": "green", "note": "yellow", "missing": "bold red"}
    table = Table("", "what", "found", "what to do", box=SIMPLE_HEAD, pad_edge=False)
    for finding in findings:
        table.add_row(
            Text(finding.status, style=styles[finding.status]),
            Text(finding.name),
            Text(safe_text(finding.value)),
            Text(safe_text(finding.next_step)),
        )
    console_for().print(table)


def _print_settings(settings: list[dict[str, str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cli.rendering.report_table import console_for

    table = Table("variable", "value", "meaning", box=SIMPLE_HEAD, pad_edge=False)
    for setting in settings:
        value = safe_text(setting["value"]) or f"({setting['default']})"
        table.add_row(Text(setting["name"]), Text(value), Text(setting["meaning"]))
    console_for().print(table)
