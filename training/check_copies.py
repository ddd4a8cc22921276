"""Looks for training text that the model recites: runs of over 50 tokens that are in the corpus but not in the prompt.

    python3 training/check_copies.py training/configs/nano.toml models/nano [--samples 1000]

Each sample continues 64 tokens of running text, freely (temperature 1), by 160 tokens in PyTorch.  The
continuation must share no run of more than 50 tokens with any other place of the corpus.
"""
import argparse
import pathlib
import random
import sys
import tomllib

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export
import model as v4
import train

RUN, PROMPT, CONTINUED = 50, 64, 160


def hashes(ids, run):
    """A rolling hash of every stretch of `run` ids, as uint64."""
    base, value = numpy.uint64(1_000_003), numpy.zeros(len(ids) - run + 1, dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        for offset in range(run):
            value = value * base + ids[offset:len(ids) - run + 1 + offset].astype(numpy.uint64)
    return value


@torch.no_grad()
def continued(model, prompts, mode, generator):
    """Prompts [n, PROMPT] with CONTINUED sampled tokens behind; the whole prefix is computed again each 1 token."""
    ids = prompts
    for _ in range(CONTINUED):
        padded = torch.nn.functional.pad(ids, (0, -ids.shape[1] % model.config.sliding_window))
        hidden = model.hidden(model.streams(padded, mode, v4.Attending(train_index=False))[0])[:, ids.shape[1] - 1]
        shares = model.head(hidden).float().softmax(-1)
        ids = torch.cat((ids, torch.multinomial(shares, 1, generator=generator)), 1)
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("model")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=50)
    arguments = parser.parse_args()
    recipe = tomllib.loads(pathlib.Path(arguments.recipe).read_text())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = v4.Model(v4.Config(pathlib.Path(arguments.model, "config.json"))).eval()
    export.load_into(model, arguments.model)
    model.to(device)
    haystack = train.open_mixture(recipe).haystack
    known = numpy.sort(hashes(numpy.asarray(haystack.ids), RUN + 1))
    r, generator, found = random.Random(8), torch.Generator(device).manual_seed(8), 0
    for start in range(0, arguments.samples, arguments.rows):
        rows = min(arguments.rows, arguments.samples - start)
        prompts = torch.tensor([haystack.cut(r, PROMPT) for _ in range(rows)], device=device)
        for row in continued(model, prompts, v4.Numerics(torch.bfloat16), generator).cpu().numpy():
            made = hashes(row[PROMPT:], RUN + 1)  # generated tokens alone
            at = numpy.searchsorted(known, made).clip(max=len(known) - 1)
            found += bool((known[at] == made).any())
        print(f"{start + rows} samples, {found} with a copied run of more than {RUN} tokens", flush=True)
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
