"""Looks for training text that the model recites: runs of over 50 tokens that are in the corpus but not in the prompt.

    python3 training/check_copies.py training/configs/nano.toml models/nano --engine build/cpu/widenet-engine [--samples 1000]

Each sample continues 64 tokens of running text by 160, as served: our engine, native, temperature 1.  The
continuation must share no run of more than 50 tokens with any place of the corpus.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tomllib

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import train

RUN, PROMPT, CONTINUED = 50, 64, 160


def hashes(ids, run):
    """A rolling hash of every stretch of `run` ids, as uint64."""
    n = max(len(ids) - run + 1, 0)
    base, value = numpy.uint64(1_000_003), numpy.zeros(n, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        for offset in range(run):
            value = value * base + ids[offset:n + offset].astype(numpy.uint64)
    return value


def continued(arguments, text, seed):
    command = [arguments.engine, "generate", "--model", arguments.model, "--raw", "--prompt-file", "-", "--temperature", "1",
               "--seed", str(seed), "--max-tokens", str(CONTINUED)]
    return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("model")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    mixture = train.open_mixture(tomllib.loads(pathlib.Path(arguments.recipe).read_text()))
    known = numpy.sort(hashes(numpy.asarray(mixture.haystack.ids), RUN + 1))
    r, found = random.Random(8), 0
    for sample in range(arguments.samples):
        prompt = mixture.tokenizer.decode(mixture.haystack.cut(r, PROMPT))
        made = hashes(numpy.array(mixture.tokenizer.encode(continued(arguments, prompt, sample))), RUN + 1)
        at = numpy.searchsorted(known, made).clip(max=len(known) - 1)
        found += bool((known[at] == made).any())
        if (sample + 1) % 50 == 0:
            print(f"{sample + 1} samples, {found} with a copied run of more than {RUN} tokens", flush=True)
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
