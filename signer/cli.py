"""The ``absah`` command. Each subcommand is imported only when it is called, so that each starts fast."""

from __future__ import annotations

import importlib
import sys

import click

from storage.vocabulary import AbsahError, InvalidRequest

# Name, where it is, and one line for the list: help must not import everything there is.
_COMMANDS = {
    "serve": (
        "signer.commands.serve:serve",
        "Serve issuing and checking; sets everything up first.",
    ),
    "worker": ("signer.commands.processes:worker", "Issue what waits in the register, until stopped."),
    "migrate": ("signer.commands.operate:migrate", "Bring the database to this program's version."),
    "settings": ("signer.commands.operate:settings", "List every setting and what it means."),
    "types": ("signer.commands.issue:types", "List the document types, or describe one."),
    "issue": ("signer.commands.issue:issue", "Issue a document from a JSON file."),
    "sign": ("signer.commands.sign:sign", "Sign a PDF that was made elsewhere."),
    "custody": ("signer.commands.custody:custody", "Keep and deliver documents of other issuers."),
    # The public side's command knows nothing of this one.
    "verify": ("verifier.cli:verify", "Check signed PDFs, also ones that we never issued."),
    "trust": ("verifier.commands.trust:trust", "Whom this installation trusts: roots and trusted lists."),
    "keys": ("signer.commands.keys:keys", "Signing keys: make, certify, permit, rotate and retire them."),
    "agencies": ("signer.commands.operate:agencies", "Add and list agencies and their officers."),
    "api-keys": ("signer.commands.operate:api_keys", "Create and revoke keys of the API."),
    "sign-batch": (
        "signer.commands.sign_batch:sign_batch",
        "Type an official's passphrase once, for all that waits for it.",
    ),
    "unblock": ("signer.commands.operate:unblock", "List blocked documents, or let them go on."),
    "renew": ("signer.commands.preserve:renew", "Raise and renew files before what proves them ends."),
    "alarms": ("signer.commands.preserve:alarms", "What has stopped issuing until somebody looks at it."),
    "audit": ("signer.commands.operate:audit", "Compare numbers, intentions, signatures and archive."),
    "bench": ("signer.commands.bench:bench", "Measure ours beside the peers, on this machine."),
}

# Started by `serve`; a person calls them only to run one process by itself.
_PROCESSES = {
    "web": "signer.commands.processes:web",
    "development-tsa": "signer.commands.processes:development_tsa",
    "set-up": "signer.commands.setup:set_up",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS[cmd_name][0] if cmd_name in _COMMANDS else _PROCESSES.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


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
            if (problem.code, problem.message) == (error.code, error.message):
                continue  # one thing is wrong, and it has been said
            mark = " (an officer may confirm it)" if problem.overridable else ""
            # The request as a whole has the empty pointer (RFC 6901, 5), which says nothing to a person.
            place = f"{problem.pointer}: " if problem.pointer else ""
            click.echo(f"  {place}{problem.code}: {problem.message}{mark}", err=True)
        sys.exit(1)
    except AbsahError as error:
        click.echo(f"{error.code}: {error.message}", err=True)
        sys.exit(1)
