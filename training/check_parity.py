"""Compares our engine's logits with PyTorch's on one checkpoint: the same weights, two implementations.

    python3 training/check_parity.py MODEL_DIR --engine build/cpu/widenet-engine [--length 700]

exact: float32 on both sides; the worst per-position relative error must stay below 1e-3.
native: bfloat16 rounding is placed differently here and there, and a flipped rounding step or expert
moves on; two such outcomes may differ by 1.5 times what quantisation itself changes (median).
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


def relative_errors(ours, theirs):
    return numpy.linalg.norm(ours - theirs, axis=1) / numpy.linalg.norm(theirs, axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--length", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    config = v4.Config(pathlib.Path(arguments.model, "config.json"))
    tokens = numpy.random.default_rng(arguments.seed).integers(0, config.vocab_size, arguments.length).tolist()
    exact, native = (torch_logits(arguments.model, tokens, kind) for kind in ("exact", "native"))
    quantisation = numpy.median(relative_errors(native, exact))
    failed = False
    for kind, theirs, statistic, bound in (("exact", exact, numpy.max, 1e-3), ("native", native, numpy.median, 1.5 * quantisation)):
        ours = engine_logits(arguments.engine, arguments.model, tokens, kind, config.vocab_size)
        errors = relative_errors(ours, theirs)
        same = (ours.argmax(1) == theirs.argmax(1)).mean()
        good = statistic(errors) <= bound
        failed |= not good
        print(f"{kind}: relative error median {numpy.median(errors):.2e}, worst {errors.max():.2e} at {errors.argmax()}; "
              f"same arg-max {same:.1%}; bound {bound:.2e}: {'ok' if good else 'too far'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
