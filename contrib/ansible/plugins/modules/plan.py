#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The Ansible module warmboot.boot.plan."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan a reboot into the kernel that a warmboot profile declares
version_added: 0.1.0
author:
  - The authors of warmboot (@warmboot)
description:
  - Plans a profile for the host, with all of warmboot's checks, and compares it with the running system.
  - It changes nothing. It reports C(changed) if there is something to be done, and with C(--diff) shows what
    C(warmboot diff) shows.
  - It fails if the profile is invalid, or if there is something to be done and a check of the plan fails.
options:
  profile:
    description:
      - The profile or stored plan on the host, by its path, or a profile of C(/etc/warmboot) by its name.
    type: str
    required: true
  content:
    description:
      - Plans this text in place of the file, as if I(profile) had it. Drop-ins of the profile do not count then.
      - For check mode, in which the task that would write the file does not.
    type: str
  executable:
    description:
      - The program, by its path or its name. A name is looked up in C(PATH) and C(/usr/local/bin).
    type: str
    default: warmboot
  force:
    description:
      - Does not fail because the last reboot into this plan failed on the host.
    type: bool
    default: false
  strict:
    description:
      - Fails as well if there is something to be done and a check of the plan warns.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The module changes nothing in either mode.
  diff_mode:
    support: full
  platform:
    support: full
    platforms: linux
requirements:
  - warmboot on the host
  - Python 3.9 or newer on the host
seealso:
  - module: warmboot.boot.load
notes:
  - It needs root, because only root sees the host's memory map.
"""

EXAMPLES = r"""
- name: Say what a reboot into web.yaml would change
  warmboot.boot.plan:
    profile: web
  register: planned

- name: Say how long the new system has until somebody must have confirmed it
  ansible.builtin.debug:
    msg: "{{ planned.plan.guard.confirm | default('no limit') }}"

- name: Plan a profile that is not on the host yet
  warmboot.boot.plan:
    profile: /etc/warmboot/web.yaml
    content: "{{ lookup('ansible.builtin.template', 'web.yaml.j2') }}"
"""

RETURN = r"""
changed:
  description: Whether there is something to be done.
  returned: always
  type: bool
current:
  description:
    - Whether the host has what is declared. It runs it; a crash kernel, or an image that returns, is loaded.
    - It is null where that cannot be determined, and then there is something to be done.
  returned: if there is a plan
  type: bool
plan:
  description: The plan, as C(warmboot plan -o json) prints it. C(warmboot schema plan) describes it.
  returned: if there is a plan
  type: dict
  sample:
    format: warmboot.plan/1
    profile: web
    release: 6.12.117+deb13-amd64
    call:
      syscall: kexec_file_load
      cmdline: root=LABEL=root ro
    guard:
      confirm: 600
    checks:
      - rule: kernel-kind
        status: pass
        message: The kernel is a bzImage
ready:
  description: Whether every check passes, so that C(warmboot load) would load it.
  returned: if there is a plan
  type: bool
executable:
  description: The program that was run, by its absolute path.
  returned: if there is a plan
  type: str
  sample: /usr/bin/warmboot
"""

import os
from typing import Any, List, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.warmboot.boot.plugins.module_utils.program import (
    ARGUMENTS,
    Document,
    diff_text,
    document_of,
    fail,
    find_program,
    run,
)

# The check that refuses a plan whose last attempt on the host failed; `load --force` turns it into a warning.
ATTEMPT_FAILED = "attempt-failed"

# Where a profile is looked up by its name.
PROFILES = "/etc/warmboot"

# Images that are loaded to stay, and do not take the place of the running system.
LASTING_FLAGS = ("KEXEC_FILE_ON_CRASH", "KEXEC_ON_CRASH", "KEXEC_PRESERVE_CONTEXT")


def obstacles(plan: Document, force: bool, strict: bool) -> List[Document]:
    """The checks that keep the plan from being carried out."""
    refused = ("fail", "warn") if strict else ("fail",)
    return [
        check
        for check in plan["checks"]
        if check["status"] in refused and not (force and check["rule"] == ATTEMPT_FAILED)
    ]


def describe(check: Document) -> str:
    """A check in a sentence or two."""
    hint = ". {0}".format(check["hint"]) if check.get("hint") else ""
    return "{0} [{1}]{2}".format(check["message"], check["rule"], hint)


def is_current(
    module: AnsibleModule, plan: Document, word: str, stdin: Optional[str], cwd: Optional[str]
) -> Optional[bool]:
    """Whether the host has what is declared; None where that cannot be determined."""
    if any(flag in LASTING_FLAGS for flag in plan["call"]["flags"]):
        result = run(module, ["status", "--check", word], stdin, cwd)
        states = {0: True, 1: False, 2: False, 3: False, 4: False, 69: None}
    else:
        result = run(module, ["status", "--booted", word, "-o", "json"], stdin, cwd)
        states = {0: True, 1: False, 69: None}
    if result.code not in states:
        fail(module, "Cannot compare the plan with the host", result)
    return states[result.code]


def folder_of(profile: str) -> Optional[str]:
    """The folder to which paths in a profile are relative; None where it is not there."""
    folder = os.path.dirname(os.path.abspath(profile)) if "/" in profile else PROFILES
    return folder if os.path.isdir(folder) else None


def main() -> None:
    """Plans, compares, and says what is to be done."""
    module = AnsibleModule(
        argument_spec=dict(ARGUMENTS, content={"type": "str"}),
        supports_check_mode=True,
    )
    params = module.params
    stdin: Optional[str] = params["content"]
    word: str = params["profile"] if stdin is None else "-"
    cwd = None if stdin is None else folder_of(params["profile"])

    made = run(module, ["plan", "-o", "json", word], stdin, cwd)
    plan = document_of(made, "warmboot.plan/1")
    if plan is None:
        fail(module, "There is no plan for {0}".format(params["profile"]), made)

    current = is_current(module, plan, word, stdin, cwd)
    against = obstacles(plan, params["force"], params["strict"])
    result: Document = {
        "changed": current is not True,
        "current": current,
        "plan": plan,
        "ready": not against,
        "executable": find_program(module),
    }
    if current is True:
        module.exit_json(**result)
    for check in plan["checks"]:
        if check["status"] == "warn" and check not in against:
            module.warn(describe(check))
    if current is None:
        module.warn("Cannot determine whether the host has what {0} declares".format(params["profile"]))
    if against:
        reasons = "; ".join(describe(check) for check in against)
        module.fail_json(
            msg="The plan for {0} cannot be carried out: {1}".format(params["profile"], reasons),
            **dict(result, changed=False),
        )
    if getattr(module, "_diff"):
        result["diff"] = {"prepared": difference(module, plan, word, stdin, cwd)}
    module.exit_json(**result)


def difference(module: AnsibleModule, plan: Document, word: str, stdin: Optional[str], cwd: Optional[str]) -> str:
    """What `warmboot diff` shows: for what takes its place, against the running system."""
    lasting = any(flag in LASTING_FLAGS for flag in plan["call"]["flags"])
    sides: List[Any] = [word] if lasting else [word, "@running"]
    return diff_text(module, sides, stdin, cwd)


if __name__ == "__main__":
    main()
