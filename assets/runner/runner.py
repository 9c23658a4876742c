"""The managed runner: starts in/main.py, calls its `calculate` where it defines one, and accounts for a failure.

Runs inside the sandbox with the interpreter's own library only, from Python 3.8 on. It imports as little as it can:
every module it loads is time that each run pays.
"""

import os
import sys

WORKSPACE = os.environ.get("MECAPY_WORKSPACE", "/workspace")
CODE = WORKSPACE + "/in/main.py"
FILES = WORKSPACE + "/in/files"
OUT = WORKSPACE + "/out"
MOST_DEPTH = 64
MOST_TEXT = 20000


class Refused(Exception):
    """A failure that the runner itself found: the name of its kind, plain words, and a line of the code."""

    def __init__(self, kind, words, line=None):
        super().__init__(words)
        self.kind, self.words, self.line = kind, words, line


def main():
    sys.argv = [CODE]
    for stream in (sys.stdout, sys.stderr):
        # Whoever watches wants a line when it is printed, not when a buffer is full.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    module = type(sys)("__main__")
    module.__file__ = CODE
    module.__builtins__ = __builtins__
    # Pickle and multiprocessing look the code's names up here; the runner's own must stay alive.
    sys.modules["_mecapy_runner"], sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        with open(CODE, "rb") as file:
            source = file.read()
        exec(compile(source, CODE, "exec", dont_inherit=True), module.__dict__)
        calculate = module.__dict__.get("calculate")
        if callable(calculate):
            write_result(call(calculate), calculate)
    except SystemExit as stop:
        leave(stop)
    except BaseException as error:
        account(error)
        flush()
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def call(calculate):
    """Calls it with what it asks for: one dict, or keyword arguments and the paths of input files."""
    import json

    with open(WORKSPACE + "/in/data.json", encoding="utf-8") as file:
        given = json.load(file)
    if not isinstance(given, dict):
        raise Refused("TypeError", "the parameters (in/data.json) must be a JSON object")
    names, required, takes_any = signature(calculate)
    files = input_files()
    if names == ["inputs"] and not takes_any and "inputs" not in given:
        return calculate({**files, **given})
    arguments = dict(given)
    arguments.update((name, path) for name, path in files.items() if name in names)
    line = getattr(getattr(calculate, "__code__", None), "co_firstlineno", None)
    missing = [name for name in required if name not in arguments]
    if missing:
        words = "calculate needs " + plural("the parameter", missing) + ", which " + (
            "is" if len(missing) == 1 else "are") + " not among the parameters given"
        known = [name for name in given if name not in names]
        raise Refused("TypeError", words + (" (" + ", ".join(map(repr, known)) + ")" if known else ""), line)
    unknown = [] if takes_any else [name for name in arguments if name not in names]
    if unknown:
        import difflib

        words = "calculate has no parameter " + ", ".join(map(repr, unknown))
        near = difflib.get_close_matches(unknown[0], names, 1)
        words += "; did you mean " + repr(near[0]) + "?" if near else "; it has " + (
            ", ".join(map(repr, names)) or "none")
        raise Refused("TypeError", words, line)
    return calculate(**arguments)


def signature(calculate):
    """Names that can be given by keyword, those without a default, and whether it takes any other name."""
    code = getattr(calculate, "__code__", None)
    if code is not None and not hasattr(calculate, "__wrapped__") and not hasattr(calculate, "__self__"):
        if not getattr(code, "co_posonlyargcount", 0):
            # What `inspect` would say, without the time it takes to load.
            plain, keyword = code.co_argcount, code.co_kwonlyargcount
            names = list(code.co_varnames[: plain + keyword])
            optional = set(names[plain - len(calculate.__defaults__ or ()) : plain])
            optional.update(calculate.__kwdefaults__ or ())
            return names, [name for name in names if name not in optional], bool(code.co_flags & 8)
    import inspect

    parameters = inspect.signature(calculate).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty]
    return [p.name for p in named], required, any(p.kind is p.VAR_KEYWORD for p in parameters)


def input_files():
    """The input files by the name the code knows them by."""
    names = sorted(os.listdir(FILES)) if os.path.isdir(FILES) else []
    if not names:
        return {}
    from pathlib import Path

    return {Path(name).stem: Path(FILES, name) for name in reversed(names)}


def write_result(result, calculate):
    if result is None:
        return
    line = getattr(getattr(calculate, "__code__", None), "co_firstlineno", None)
    import json

    # A mapping of any kind counts; the name of what came instead is the whole message.
    if not isinstance(result, dict):
        raise Refused("TypeError", "calculate returned " + article(result) + "; it must return a dict", line)
    try:
        text = json.dumps(plain(result, "", 0), ensure_ascii=False, allow_nan=False)
    except Refused as refused:
        refused.line = line
        raise
    # Whole or not at all, whenever the end comes.
    part = OUT + "/.data.json.part"
    with open(part, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
    os.replace(part, OUT + "/data.json")


def plain(value, place, depth):
    """The same value out of JSON's own kinds; numpy's scalars and arrays become numbers and lists."""
    if value is None or value is True or value is False or type(value) is str:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            words = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            raise Refused("ValueError", "the result is not valid JSON: " + (place or "it") + " is " + words)
        return float(value)
    if depth >= MOST_DEPTH:
        raise Refused("ValueError", "the result is nested deeper than %d levels" % MOST_DEPTH)
    if isinstance(value, dict):
        return {name(key, place): plain(inner, join(place, key), depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, "%s[%d]" % (place, index), depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return plain(sorted(value, key=repr), place, depth)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # numpy, pandas and whatever follows their example.
    for convert in ("tolist", "to_dict", "item"):
        method = getattr(value, convert, None)
        if callable(method):
            converted = method()
            if type(converted) is not type(value):
                return plain(converted, place, depth)
    raise Refused("TypeError", "the result is not valid JSON: " + (place or "it") + " is " + article(value))


def name(key, place):
    if type(key) is str:
        return key
    if key is None or isinstance(key, (str, int, float)):
        return {None: "null", True: "true", False: "false"}.get(key, str(key)) if not isinstance(key, str) else str(key)
    if callable(getattr(key, "item", None)):
        return str(key.item())
    raise Refused("TypeError", "the result is not valid JSON: a key of " + (place or "it") + " is " + article(key))


def join(place, key):
    return place + "." + str(key) if place else str(key)


def article(value):
    kind = type(value).__name__
    return ("an " if kind[:1].lower() in "aeiou" else "a ") + kind


def plural(words, names):
    return words + ("" if len(names) == 1 else "s") + " " + ", ".join(map(repr, names))


def leave(stop):
    """An exit by the code: its number stays, its text is kept."""
    code = stop.code
    if code is not None and not isinstance(code, int):
        write_account("SystemExit", text_of(code), line_of(stop), "")
    elif code:
        write_account("SystemExit", "", line_of(stop), "")
    flush()
    sys.exit(code)


def account(error):
    """Writes down what happened and shows it, with the code's own frames only."""
    if isinstance(error, Refused):
        write_account(error.kind, error.words, error.line, "")
        print(error.kind + ": " + error.words, file=sys.stderr)
        return
    import traceback

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        shown = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:
        shown = type(error).__name__ + "\n"
    line, message = line_of(error), text_of(error)
    if isinstance(error, SyntaxError) and error.filename == CODE:
        line, message = error.lineno, str(error.msg)
    write_account(type(error).__name__, message, line, shown.replace(CODE, "main.py"))
    sys.stderr.write(shown)


def line_of(error):
    """The last line of the code on the way to the error."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CODE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def text_of(value):
    try:
        return str(value)
    except Exception:
        return "(its text cannot be made)"


def write_account(kind, message, line, shown):
    import json

    shown = shown if len(shown) <= MOST_TEXT else "...\n" + shown[-MOST_TEXT:]
    words = {"type": kind, "message": message[:MOST_TEXT], "line": line, "traceback": shown}
    try:
        with open(OUT + "/_runner_error.json", "w", encoding="utf-8") as file:
            # Escaped: a lone surrogate in a message must not lose the whole account.
            json.dump(words, file)
    except OSError as error:
        print("the account of the failure could not be written:", error, file=sys.stderr)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass


main()
