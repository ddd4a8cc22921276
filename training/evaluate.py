"""Teacher-forced scores of a model on held-out samples: a quick look during training; `widenet eval` has the real figures.

    python3 training/evaluate.py training/configs/nano-cpu.toml [--checkpoint DIR] [--lengths 256 512] [--samples 20]

An answer counts as right when every one of its tokens, from "Evidence" to the end, is the arg-max.
"""
import argparse
import collections
import pathlib
import random
import sys
import tomllib

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export
import model as v4
import train
from tasks import relations

KINDS = ("lookups", "tables", "needles", "clozes", "gaps", "meanings")  # meanings: of facts that training never shows
HELD_OUT_SEED = 900_000_000


def spans(weights):
    """[start, end) of every run of answer tokens."""
    found, start = [], None
    for at, weight in enumerate([*weights, 0.0]):
        if weight == 1 and start is None:
            start = at
        elif weight != 1 and start is not None:
            found.append((start, at))
            start = None
    return found


@torch.no_grad()
def scores(model, mixture, kind, length, samples, mode):
    counts = collections.Counter()
    refusal = mixture.tokenizer.encode("Answer: Not in")[:4]
    for sample in range(samples):
        ids, weights = mixture.sample(random.Random(HELD_OUT_SEED + sample), length, {kind: 1})
        right = model.logits(torch.tensor(ids), mode).argmax(-1)[:-1] == torch.tensor(ids[1:])
        for start, end in spans(weights):
            group = "refusals" if ids[start:start + 4] == refusal else "answers"
            counts[group] += 1
            counts[f"{group} right"] += bool(right[start - 1:end - 1].all())
            counts["tokens"] += end - start
            counts["tokens right"] += int(right[start - 1:end - 1].sum())
            if group == "answers":
                counts["started"] += bool(right[start + 1:start + 4].all())
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("--checkpoint", help="an exported model; without it the training state")
    parser.add_argument("--lengths", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--quantised", action="store_true")
    arguments = parser.parse_args()
    recipe = tomllib.loads(pathlib.Path(arguments.recipe).read_text())
    state = None if arguments.checkpoint else export.ROOT / recipe["work"] / "state.pt"
    model, _ = export.open_model(arguments.recipe, state)
    if arguments.checkpoint:
        export.load_into(model, arguments.checkpoint)
    mixture = train.open_mixture(recipe, relations.held_out)
    mode = v4.Numerics(torch.bfloat16, arguments.quantised)
    for length in arguments.lengths:
        for kind in KINDS:
            c = scores(model, mixture, kind, length, arguments.samples, mode)
            print(f"{length:6} {kind:8} answers {c['answers right']}/{c['answers']}, refusals {c['refusals right']}/{c['refusals']}, "
                  f"first evidence tokens {c['started']}/{c['answers']}, tokens {c['tokens right'] / max(1, c['tokens']):.1%}", flush=True)


if __name__ == "__main__":
    main()
