"""Compares our engine's logits with PyTorch's on one checkpoint: the same weights, two implementations.

    python3 training/check_parity.py MODEL_DIR --engine build/cpu/widenet-engine [--length 700]

exact: float32 on both sides; the worst per-position relative error must stay below 1e-3.
native: bfloat16 rounding is placed differently, and a flipped rounding step or expert moves on; the
median relative error must stay below 5%.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export
import model as v4

BOUNDS = {"exact": (1e-3, numpy.max), "native": (0.05, numpy.median)}


def engine_logits(engine, model_dir, tokens, kind, vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        ids, out = pathlib.Path(folder, "ids"), pathlib.Path(folder, "logits")
        ids.write_text(" ".join(map(str, tokens)))
        subprocess.run([engine, "logits", "--model", model_dir, "--tokens", ids, "--out", out, "--numerics", kind], check=True)
        return numpy.fromfile(out, dtype=numpy.float32).reshape(len(tokens), vocabulary)


def torch_logits(model_dir, tokens, kind):
    model = v4.Model(v4.Config(pathlib.Path(model_dir, "config.json"))).eval()
    export.load_into(model, model_dir)
    mode = v4.Numerics(torch.bfloat16 if kind == "native" else torch.float32, kind == "native")
    return model.logits(torch.tensor(tokens), mode).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--length", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    config = v4.Config(pathlib.Path(arguments.model, "config.json"))
    tokens = numpy.random.default_rng(arguments.seed).integers(0, config.vocab_size, arguments.length).tolist()
    failed = False
    for kind, (bound, statistic) in BOUNDS.items():
        ours = engine_logits(arguments.engine, arguments.model, tokens, kind, config.vocab_size)
        theirs = torch_logits(arguments.model, tokens, kind)
        errors = numpy.linalg.norm(ours - theirs, axis=1) / numpy.linalg.norm(theirs, axis=1)
        same = (ours.argmax(1) == theirs.argmax(1)).mean()
        good = statistic(errors) <= bound
        failed |= not good
        print(f"{kind}: relative error median {numpy.median(errors):.2e}, worst {errors.max():.2e} at {errors.argmax()}; "
              f"same arg-max {same:.1%}: {'ok' if good else f'above {bound}'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
