#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""The Ansible module warmboot.boot.load."""

from __future__ import annotations

DOCUMENTATION = r"""
module: load
short_description: Load the kernel that a warmboot profile declares
version_added: 0.1.0
author:
  - The authors of warmboot (@warmboot)
description:
  - Loads the image of a profile or stored plan, after all of warmboot's checks. It does not reboot.
  - It is C(changed) only if another image, or none, was loaded. In check mode nothing is loaded.
  - With C(--diff) it shows what C(warmboot diff) shows, against what is loaded, or else the running system.
options:
  profile:
    description:
      - The profile or stored plan on the host, by its path, or a profile of C(/etc/warmboot) by its name.
    type: str
    required: true
  executable:
    description:
      - The program, by its path or its name. A name is looked up in C(PATH) and C(/usr/local/bin).
    type: str
    default: warmboot
  force:
    description:
      - Loads the image even if it is loaded already, or if the last reboot into it failed.
    type: bool
    default: false
  strict:
    description:
      - Loads nothing if a check of the plan warns.
    type: bool
    default: false
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    support: full
    platforms: linux
requirements:
  - warmboot on the host
  - Python 3.9 or newer on the host
seealso:
  - module: warmboot.boot.plan
notes:
  - It needs root.
  - A profile that asks for a secret cannot be answered from a playbook. Have it read the secret from a file.
"""

EXAMPLES = r"""
- name: Load web.yaml, for the next systemctl kexec
  warmboot.boot.load:
    profile: web

- name: Load the crash kernel
  warmboot.boot.load:
    profile: /etc/warmboot/kdump.yaml

- name: Carry out a plan that was reviewed
  warmboot.boot.load:
    profile: /root/web.plan.json
    strict: true
"""

RETURN = r"""
changed:
  description:
    - Whether another image is loaded than before; in check mode, whether one would be.
    - It can be true after a failure. A refused load of a crash kernel may cost the one that was loaded.
  returned: always
  type: bool
what:
  description: What was done, in lines. In check mode, the system calls that would be made.
  returned: if the program ran
  type: list
  elements: str
  sample:
    - Loaded 6.12.117+deb13-amd64 from profile web
why:
  description: What was reported, in order, as in C(warmboot load -o json).
  returned: if the program ran
  type: list
  elements: dict
  sample:
    - severity: warning
      code: console-missing
      message: The command line names no console
rc:
  description: The exit code of the program.
  returned: if the program ran
  type: int
  sample: 0
"""

from typing import List

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.warmboot.boot.plugins.module_utils.program import (
    ARGUMENTS,
    Document,
    diff_text,
    document_of,
    fail,
    run,
)


def load_args(module: AnsibleModule) -> List[str]:
    """The words of `warmboot load`."""
    params = module.params
    options = {"--force": params["force"], "--strict": params["strict"], "--dry-run": module.check_mode}
    return ["load", "-o", "json"] + [name for name, given in options.items() if given] + [params["profile"]]


def main() -> None:
    """Loads the image, or says what loading it would do."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    profile: str = module.params["profile"]
    # Afterwards, what is loaded is what is declared.
    difference = diff_text(module, [profile]) if getattr(module, "_diff") else ""
    loaded = run(module, load_args(module))
    outcome = document_of(loaded, "warmboot.outcome/1")
    if outcome is None:
        fail(module, "Cannot load {0}".format(profile), loaded)
    # What --dry-run prints are the calls; there are none if the image is loaded already.
    changed = outcome["what"] != [] if module.check_mode else outcome["changed"]
    result: Document = {"changed": changed, "what": outcome["what"], "why": outcome["why"]}
    if loaded.code != 0:
        fail(module, "Cannot load {0}".format(profile), loaded, dict(result, changed=outcome["changed"]))
    for message in outcome["why"]:
        if message["severity"] == "warning":
            module.warn(message["message"])
    if changed and difference:
        result["diff"] = {"prepared": difference}
    module.exit_json(rc=loaded.code, **result)


if __name__ == "__main__":
    main()
