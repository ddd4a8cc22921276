#!/usr/bin/env python3
"""What compilers do not check: include arrows, first lines, leftovers, and files nobody names."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# docs/ARCHITECTURE.md explains the arrows.  Every folder may also include base/ and the standard library.
MAY_INCLUDE = {
    "base": set(),
    "kernels": set(),
    "engine": {"kernels"},
    "ingest": set(),
    "store": set(),
    "retrieval": {"store"},
    "library": {"ingest", "store", "retrieval", "engine"},
    "answer": {"retrieval", "store", "engine"},
    "eval/tasks": {"engine"},
    "eval": {"eval/tasks", "answer", "retrieval", "store", "engine"},
    "api": {"library", "answer", "eval", "retrieval", "store", "engine"},
    "cli": {"api", "library", "answer", "eval", "eval/tasks", "retrieval", "store", "ingest", "engine", "kernels"},
}
# Third parties, by the folders that may see them.
VENDORS = {
    r"^boost/": {"api"},
    r"^sqlite3\.h": {"store", "engine"},
    r"^faiss/": {"store"},
    r"^unicode/": {"engine", "ingest", "store"},
    r"^CLI/": {"cli"},
    r"^cuda": {"kernels"},
    r"^(immintrin|x86intrin)\.h": {"kernels"},
}
SOURCE = (".h", ".cc", ".cu", ".cuh")


def tracked():
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for path in listing if path and (ROOT / path).is_file()]


def folder_of(path):
    return "eval/tasks" if path.startswith("eval/tasks/") else path.split("/")[0]


def include_problems(path, text):
    folder = folder_of(path)
    if folder not in MAY_INCLUDE:
        return
    for kind, target in re.findall(r'^#include\s+([<"])([^>"]+)[>"]', text, re.M):
        if kind == '"':
            there = folder_of(target)
            if there not in MAY_INCLUDE[folder] | {folder, "base"}:
                yield f"{path}: includes \"{target}\"; {folder}/ may not include {there}/"
        for vendor, folders in VENDORS.items():
            if kind == "<" and re.search(vendor, target) and folder not in folders:
                yield f"{path}: includes <{target}>; only {', '.join(sorted(folders))} may"


def problems():
    paths = tracked()
    cmake = "\n".join((ROOT / p).read_text() for p in paths if p.endswith("CMakeLists.txt"))
    for path in paths:
        if not path.endswith(SOURCE + (".ts", ".py", ".md", ".txt", ".sh")):
            continue
        text = (ROOT / path).read_text(errors="replace")
        if path.endswith(SOURCE):
            yield from include_problems(path, text)
            if path.endswith((".h", ".cuh")):
                if not text.startswith("// "):
                    yield f"{path}:1: the first line does not say what the file is"
                if "#pragma once" not in text:
                    yield f"{path}: no #pragma once"
            if path.endswith((".cc", ".cu")) and pathlib.Path(path).name not in cmake:
                yield f"{path}: no CMakeLists.txt names it"
        if path.startswith(("tests/tidy_test.py", "tests/fuzz/", "tests/golden/", "examples/company/")):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                yield f"{path}:{number}: leftover: {line.strip()[:80]}"
            if path.endswith(SOURCE) and len(line) > 100 and "NOLINT" not in line and "http" not in line:
                yield f"{path}:{number}: {len(line)} columns (100 at most)"


found = list(problems())
print("\n".join(found) if found else "tidy")
sys.exit(1 if found else 0)
