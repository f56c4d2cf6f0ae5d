"""What names root in a way that job files declare, beside the forms of root= itself."""

from collections.abc import Iterable

from initpy.config.commandline import Parameter
from initpy.config.declared import Declared, plain
from initpy.config.draft import Draft
from initpy.config.errors import InputError
from initpy.core.devices.names import DeviceSpec, RootForm, listed, name_in


def take_name(draft: Draft) -> bool:
    """Take root= for a name alone if the type of root is one that a job lists; False if not."""
    text = (draft.root_word.value or "") if draft.root_word is not None else ""
    scripts = [each.value or "" for each in draft.instead if each.key == "boot"]
    found = _name_alone(text, (*draft.settings.mount.types, *scripts), draft.declared)
    if found is not None:
        draft.set(root=found)
    return found is not None


def take_instead(draft: Draft) -> None:
    """Take what parameters of job files say of root if nothing else has named it."""
    found = _named(draft.instead, draft.declared.forms)
    if isinstance(found, InputError):
        draft.problems.append(found)
        draft.root_given, draft.named_elsewhere = True, found
    elif found is not None:
        draft.root_given = True
        draft.set(root=found)


def _name_alone(name: str, types: Iterable[str], known: Declared) -> DeviceSpec | None:
    """What `name` alone stands for if root is of one of these types, such as `POOL/DATASET`."""
    for kind in types if name else ():
        for form in known.types.get(kind, ()):
            if form.shows and any("*" in each for each in form.forms):
                return listed(name, name, form.shows, form.needs)
    return None


def _named(given: Iterable[Parameter], forms: Iterable[RootForm]) -> DeviceSpec | InputError | None:
    """What parameters say of root; the first table of the job files with a fitting one counts.

    An error if there are such parameters, and none has a value that names anything.
    """
    there, known = [*given], [each for each in forms if each.instead]
    found = [each for parameter in there if (each := _instead(parameter, known)) is not None]
    if found:
        form, name, text = min(reversed(found), key=lambda each: known.index(each[0]))
        return listed(text, name, form.shows, form.needs)
    for parameter in there:
        values = [each for form in known for each in form.instead if _names(each, parameter)]
        if any("*" in each for each in values):  # others say something only with one value: boot=
            return parameter.error(" or ".join(values))
    return None


def _instead(parameter: Parameter, known: list[RootForm]) -> tuple[RootForm, str, str] | None:
    """The form that a parameter fits, the exact ones first; the name in it; the words."""
    value = parameter.value or ""
    for exact in (True, False):
        for form in known:
            for each in form.instead:
                if _names(each, parameter) and ("*" not in each) is exact:
                    name = name_in(value, each.partition("=")[2])
                    if name is not None:
                        return form, name, f"{parameter.key}={value}"
    return None


def _names(form: str, parameter: Parameter) -> bool:
    return plain(form.partition("=")[0]) == plain(parameter.key)
