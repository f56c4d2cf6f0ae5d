"""What systemd's parameters ask of a root, so that it is not another than was meant.

systemd-veritysetup-generator(8), systemd-gpt-auto-generator(8), systemd.image-policy(7).
"""

from initpy.config.commandline import Parameter
from initpy.config.draft import Draft
from initpy.config.parametertable import NotSupportedError
from initpy.core.devices.names import Naming

# A partition may be used as it is: no encryption and no verification are asked for.
PLAIN = ("unprotected", "open")
EXPECTED = (
    "root= beside it, or a policy that allows an unprotected root: the partition that its type "
    "names is not compared with a policy; root is left alone"
)


def finish(draft: Draft) -> None:
    """Take back what is said of dm-verity where it is off; heed the policy for partitions."""
    if not draft.verified:
        _forget_verity(draft)
    root, policy = draft.settings.root, draft.policy
    found = root is not None and root.naming is Naming.GPT_AUTO  # by its partition type
    if found and policy is not None and not _allows_plain(policy):
        error = policy.refusal(EXPECTED)
        draft.problems.append(error)
        draft.refused[policy.key] = str(error)


def _forget_verity(draft: Draft) -> None:
    """`systemd.verity=0`: the hash counts for nothing, and root is what root= says."""
    off = [each for each in draft.problems if _verifies(each)]
    draft.problems = [each for each in draft.problems if not _verifies(each)]
    for error in off:
        draft.refused.pop(error.where.rpartition(": ")[2].replace("_", "-"), None)


def _verifies(error: object) -> bool:
    return isinstance(error, NotSupportedError) and error.verifies


def _allows_plain(policy: Parameter) -> bool:
    """Return whether a root that nothing protects may be mounted."""
    text = (policy.value or "").strip()
    rules = dict(each.strip().partition("=")[::2] for each in text.split(":"))
    flags = rules.get("root", rules.get("", "")).split("+")
    return text in ("", "*") or any(each.strip() in PLAIN for each in flags)
