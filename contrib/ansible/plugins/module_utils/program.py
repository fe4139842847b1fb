# SPDX-License-Identifier: MIT
"""Runs the program warmboot on the host, and reads what it prints."""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional

from ansible.module_utils.basic import AnsibleModule

# Where it may be installed, if PATH does not have it: sudo's can be short.
FOLDERS = ["/usr/local/bin"]

# The options that each module has.
ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "profile": {"type": "str", "required": True},
    "executable": {"type": "str", "default": "warmboot"},
    "force": {"type": "bool", "default": False},
    "strict": {"type": "bool", "default": False},
}

Document = Dict[str, Any]


class Run(NamedTuple):
    """What a run of the program gave."""

    code: int
    stdout: str
    stderr: str


def find_program(module: AnsibleModule) -> str:
    """The absolute path of the program; fails the module where there is none."""
    name = module.params["executable"]
    return module.get_bin_path(name) or module.get_bin_path(name, required=True, opt_dirs=FOLDERS)


def run(module: AnsibleModule, args: List[str], stdin: Optional[str] = None, cwd: Optional[str] = None) -> Run:
    """Runs the program, whatever its exit code."""
    code, stdout, stderr = module.run_command(
        [find_program(module)] + args,
        data=stdin,
        cwd=cwd,
        environ_update={"NO_COLOR": "1"},
    )
    return Run(code, stdout, stderr)


def document_of(result: Run, kind: str) -> Optional[Document]:
    """The JSON document that it printed, such as `warmboot.plan/1`; None where it printed another or none."""
    try:
        document = json.loads(result.stdout)
    except ValueError:
        return None
    known = isinstance(document, dict) and document.get("format") == kind
    return document if known else None


def fail(module: AnsibleModule, summary: str, result: Run, returned: Optional[Document] = None) -> NoReturn:
    """Fails the module with what the program wrote to standard error: the reason, and what to do."""
    reason = result.stderr.strip() or "warmboot ended with exit code {0}".format(result.code)
    module.fail_json(
        msg="{0}: {1}".format(summary, reason),
        rc=result.code,
        stdout=result.stdout,
        stderr=result.stderr,
        **(returned or {}),
    )


def diff_text(module: AnsibleModule, sides: List[str], stdin: Optional[str] = None, cwd: Optional[str] = None) -> str:
    """The text of `warmboot diff`; empty where nothing differs."""
    result = run(module, ["diff"] + sides, stdin, cwd)
    if result.code not in (0, 1):
        fail(module, "Cannot compare", result)
    return result.stdout if result.code == 1 else ""
