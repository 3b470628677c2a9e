#!/usr/bin/env python3
"""The rules that people forget: the include ladder, one home per third-party library, banned includes in the pure part,
file and function lengths. Run by ctest (test `tidy`) and ./dev lint. Prints each offence as file:line: sentence; exit 1 if any.

tidy.py [ROOT]; tidy.py --self-test proves that each rule can fail."""
import os
import re
import sys
import tempfile

# A folder may include the folders of its line, itself, and nothing else of ours.
LADDER = {
    "sdk/base": [],
    "sdk/auth": ["sdk/base"],
    "sdk/plugin": ["sdk/base"],
    "sdk/protocol": ["sdk/base"],
    "sdk/curve": ["sdk/base"],
    "sdk/client": ["sdk/base", "sdk/curve", "sdk/protocol"],
    "sdk/recipes": ["sdk/base", "sdk/client", "sdk/protocol"],
    "sdk/discovery": ["sdk/base", "sdk/client", "sdk/protocol"],
    "sdk/balance": ["sdk/base", "sdk/client", "sdk/protocol", "sdk/discovery"],
    "sdk/dns": ["sdk/base", "sdk/discovery"],
    "sdk/agent": ["sdk/base", "sdk/client", "sdk/protocol", "sdk/discovery", "sdk/dns"],
    "sdk/values": ["sdk/base", "sdk/client"],
    "sdk/testing": ["sdk/base", "sdk/plugin", "sdk/protocol"],
    "sdk/cli": ["sdk/base", "sdk/auth", "sdk/protocol", "sdk/client", "sdk/recipes", "sdk/discovery", "sdk/balance", "sdk/dns", "sdk/agent", "sdk/values", "sdk/testing",
                "sdk/plugin"],
    "hub/base": ["sdk/base"],
    "hub/plugin": ["hub/base", "sdk/base", "sdk/plugin", "sdk/protocol"],
    "hub/settings": ["hub/base", "sdk/base"],
    "hub/log": ["hub/base", "sdk/base", "sdk/protocol"],
    "hub/raft": ["hub/base", "hub/log", "sdk/base"],
    "hub/model": ["hub/base", "hub/log", "hub/plugin", "sdk/base", "sdk/protocol"],
    "hub/feed": ["hub/base", "hub/model", "hub/plugin", "sdk/base", "sdk/protocol"],
    "hub/core": ["hub/base", "hub/log", "hub/raft", "hub/model", "hub/feed", "hub/plugin", "sdk/base", "sdk/auth",
                 "sdk/plugin", "sdk/protocol"],
    "hub/peer": ["hub/base", "hub/log", "hub/raft", "hub/core", "sdk/base", "sdk/curve", "sdk/protocol"],
    "hub/shell": ["hub/peer", "hub/base", "hub/log", "hub/raft", "hub/model", "hub/feed", "hub/plugin", "hub/core", "hub/settings",
                  "sdk/base", "sdk/auth", "sdk/plugin", "sdk/protocol"],
    "hub": ["hub/shell", "hub/settings", "hub/plugin", "sdk/base"],
    "plugins": ["sdk/base", "sdk/auth", "sdk/plugin", "sdk/protocol"],
    "transports": ["sdk/base", "sdk/curve", "sdk/plugin", "sdk/protocol"],
    "examples": ["sdk/base", "sdk/protocol", "sdk/client", "sdk/recipes", "sdk/discovery", "sdk/balance", "sdk/plugin"],
}
# A third-party header (a prefix of what stands in <...>) and the folders that may include it.
HOMES = {
    "zmq": ["transports/zmq", "hub/peer", "sdk/client", "sdk/curve"],
    "msgpack": ["sdk/protocol"],
    "sodium": ["hub/plugin", "sdk/auth"],
    "lmdb": ["plugins/storage_lmdb", "plugins/log_lmdb"],
    "sqlite3": ["plugins/storage_sqlite"],
    "rocksdb": ["plugins/storage_rocksdb"],
    "boost/dll": ["hub/plugin", "sdk/testing"],
    "toml++": ["hub/settings", "sdk/agent", "sdk/cli", "sdk/values"],
    "yaml-cpp": ["sdk/values"],
    "raft": ["hub/raft"],
    "nlohmann": ["sdk/cli", "sdk/discovery", "sdk/values", "plugins/filter_json", "plugins/validate_rules", "plugins/validate_schema"],
    "valijson": ["plugins/validate_schema"],
    "re2": ["plugins/filter_regex", "plugins/validate_rules"],
    "xxhash": ["sdk/base"],
}
# Pure: computes only.
PURE = ["hub/model", "hub/feed", "hub/core", "hub/raft", "hub/log", "sdk/client/tracker", "sdk/base/match",
        "sdk/base/prng", "sdk/balance/chooser", "sdk/balance/outliers", "sdk/balance/ring", "sdk/dns/message", "sdk/dns/responder"]
PURE_BANNED = ["thread", "mutex", "condition_variable", "atomic", "chrono", "ctime", "time.h", "random", "fstream", "iostream",
               "filesystem", "future", "sys/", "unistd.h", "fcntl.h", "netinet/", "poll.h"]
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80
COLUMNS_MAX = 124
SOURCE = (".h", ".hpp", ".c", ".cpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(path):
    parts = path.split("/")
    if parts[0] in ("sdk", "hub") and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def may_include(path, target):
    folder, goal = folder_of(path), folder_of(target)
    if folder in ("plugins", "transports", "examples") and "/".join(path.split("/")[:2]) == "/".join(target.split("/")[:2]):
        return True
    return goal == folder and folder not in ("plugins", "transports", "examples") or goal in LADDER.get(folder, [])


def check_include(path, number, kind, target, offences):
    if kind == '"' and target.split("/")[0] in ("sdk", "hub", "plugins", "transports", "examples", "tests"):
        if not may_include(path, target):
            offences.append(f"{path}:{number}: {folder_of(path)} may not include {target}: data flows one way")
    for library, homes in HOMES.items():
        if re.match(re.escape(library) + r"(/|\.|_addon|$)", target) and kind == "<":
            if not any(path.startswith(home + "/") for home in homes):
                offences.append(f"{path}:{number}: <{target}> has its home in {' and '.join(homes)}")
    if any(path.startswith(pure) for pure in PURE):
        for banned in PURE_BANNED:
            if target == banned or (banned.endswith("/") and target.startswith(banned)):
                offences.append(f"{path}:{number}: <{target}> in a pure part; take it as an argument")


def check_function_lengths(path, lines, offences):
    """A function body at any depth of namespaces and classes starts at a line that ends in '{' after a ')' ..."""
    begin = None
    for number, line in enumerate(lines, 1):
        if begin is None and re.match(r"^( {0,4})[A-Za-z_~].*\)( const| noexcept| override)* \{$", line) and \
                not re.match(r"^\s*(if|for|while|switch|else|namespace)\b", line):
            begin, indent = number, re.match(r"^ *", line).group(0)
        elif begin is not None and line.startswith(indent + "}"):
            if number - begin + 1 > FUNCTION_LINES_MAX:
                offences.append(f"{path}:{begin}: a function of {number - begin + 1} lines; {FUNCTION_LINES_MAX} fit a screen")
            begin = None


def check_file(root, path, offences):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        lines = file.read().split("\n")
    if len(lines) > FILE_LINES_MAX:
        offences.append(f"{path}:1: {len(lines)} lines; beyond {FILE_LINES_MAX} look for the seam inside")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            offences.append(f"{path}:{number}: {len(line)} columns; {COLUMNS_MAX} are the bound")
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            offences.append(f"{path}:{number}: an open end; file an issue or finish it")
        match = INCLUDE.match(line)
        if match and not path.startswith("tests/"):
            check_include(path, number, match.group(1), match.group(2), offences)
    if path.endswith(".cpp") and not path.startswith("tests/"):
        check_function_lengths(path, lines, offences)


def check_tree(root):
    offences = []
    for top in ("sdk", "hub", "plugins", "transports", "examples", "tests"):
        for directory, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if name.endswith(SOURCE):
                    check_file(root, os.path.relpath(os.path.join(directory, name), root), offences)
    return offences


def self_test():
    planted = {
        "hub/model/up.cpp": '#include "hub/core/core.hpp"\n',
        "plugins/a/a.cpp": '#include "plugins/b/b.hpp"\n',
        "sdk/base/down.cpp": '#include "hub/base/limits.hpp"\n',
        "hub/core/clock.cpp": "#include <chrono>\n",
        "hub/shell/home.cpp": "#include <raft.h>\n",
        "sdk/base/long.cpp": "//" + "x" * 200 + "\n",
        "sdk/base/open.cpp": "// TO" + "DO later\n",
        "sdk/base/big.cpp": "void f(int a) {\n" + "    a;\n" * 100 + "}\n",
        "sdk/base/huge.cpp": "\n" * 700,
    }
    with tempfile.TemporaryDirectory() as root:
        for path, text in planted.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        caught = {offence.split(":")[0] for offence in check_tree(root)}
    missed = set(planted) - caught
    print(f"{len(planted) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    offences = check_tree(os.path.normpath(root))
    print("\n".join(offences) if offences else "tidy: no offence")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
