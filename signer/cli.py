"""The ``absah`` command. Each subcommand is imported only when it is called, so that each starts fast."""

from __future__ import annotations

import importlib
import sys

import click

from storage.vocabulary import AbsahError, InvalidRequest

_COMMANDS = {
    "serve": "signer.commands.serve:serve",
    "worker": "signer.commands.processes:worker",
    "web": "signer.commands.processes:web",
    "development-tsa": "signer.commands.processes:development_tsa",
    "set-up": "signer.commands.setup:set_up",
    "migrate": "signer.commands.operate:migrate",
    "settings": "signer.commands.operate:settings",
    "agencies": "signer.commands.operate:agencies",
    "api-keys": "signer.commands.operate:api_keys",
    "unblock": "signer.commands.operate:unblock",
    "audit": "signer.commands.operate:audit",
    "types": "signer.commands.issue:types",
    "issue": "signer.commands.issue:issue",
    "keys": "signer.commands.keys:keys",
    "bench": "signer.commands.bench:bench",
    # The public side's command knows nothing of this one.
    "verify": "verifier.cli:verify",
}

# Started by `serve`; a person calls them only to run one process by itself.
_HIDDEN = {"web", "development-tsa", "set-up"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in _COMMANDS if name not in _HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="absah")
def absah() -> None:
    """Issue documents as signed PDFs, and let anyone check them.

    Start with “absah serve” and open the address that it prints. Every command reads the data
    folder named by ABSAH_DATA (./data if unset); “absah settings” lists all settings.
    """


def main() -> None:
    """Run the command line; an expected error is one sentence and exit status 1."""
    try:
        absah()
    except InvalidRequest as error:
        click.echo(f"{error.code}: {error.message}", err=True)
        for problem in error.problems:
            mark = " (an officer may confirm it)" if problem.overridable else ""
            click.echo(f"  {problem.pointer}: {problem.code}: {problem.message}{mark}", err=True)
        sys.exit(1)
    except AbsahError as error:
        click.echo(f"{error.code}: {error.message}", err=True)
        sys.exit(1)
