"""Writes a trained model in the official layout, and reads such a checkpoint back into the model.

    python3 training/export.py training/configs/nano-cpu.toml --out models/nano
    python3 training/export.py training/configs/nano-cpu.toml --out DIR --random    untrained weights, for parity checks
"""
import argparse
import pathlib
import shutil
import sys
import tomllib

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import model as v4
import numerics
import safetensors_file as st

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARD_BYTES_MAX = 15_000_000


def bf16(value):
    return {"": st.Tensor("BF16", st.to_bf16(value.detach().float().cpu().numpy()))}


def f32(value):
    return {"": st.Tensor("F32", value.detach().float().cpu().numpy())}


def tiles(weight):
    codes, scale = numerics.tiles_e4m3(weight.detach().cpu())
    return {".weight": st.Tensor("F8_E4M3", st.to_e4m3(codes.numpy())), ".scale": st.Tensor("F8_E8M0", st.to_e8m0(scale.numpy()))}


def groups(weight):
    codes, scale = numerics.groups_e2m1(weight.detach().cpu())
    return {".weight": st.Tensor("I8", st.to_e2m1(codes.numpy())), ".scale": st.Tensor("F8_E8M0", st.to_e8m0(scale.numpy()))}


def hyper_parts(name, hyper):
    for part in ("fn", "base", "scale"):
        yield f"{name}_{part}", f32, getattr(hyper, part)


def compressor_parts(name, compressor):
    yield f"{name}.wkv.weight", bf16, compressor.wkv.weight
    yield f"{name}.wgate.weight", bf16, compressor.wgate.weight
    yield f"{name}.ape", f32, compressor.ape
    yield f"{name}.norm.weight", bf16, compressor.norm.weight


def layer_parts(name, layer):
    """(stem of the tensor's name, storage, parameter or a view of one) of everything in a layer."""
    attn, ffn = layer.attn, layer.ffn
    yield f"{name}.attn_norm.weight", bf16, layer.attn_norm.weight
    yield f"{name}.ffn_norm.weight", bf16, layer.ffn_norm.weight
    yield from hyper_parts(f"{name}.hc_attn", layer.hc_attn)
    yield from hyper_parts(f"{name}.hc_ffn", layer.hc_ffn)
    for part in ("wq_a", "wq_b", "wkv", "wo_a", "wo_b"):
        yield f"{name}.attn.{part}", tiles, getattr(attn, part).weight
    yield f"{name}.attn.q_norm.weight", bf16, attn.q_norm.weight
    yield f"{name}.attn.kv_norm.weight", bf16, attn.kv_norm.weight
    yield f"{name}.attn.attn_sink", f32, attn.attn_sink
    if attn.ratio:
        yield from compressor_parts(f"{name}.attn.compressor", attn.compressor)
    if attn.ratio == 4:
        yield f"{name}.attn.indexer.wq_b", tiles, attn.indexer.wq_b.weight
        yield f"{name}.attn.indexer.weights_proj.weight", bf16, attn.indexer.weights_proj.weight
        yield from compressor_parts(f"{name}.attn.indexer.compressor", attn.indexer.compressor)
    yield f"{name}.ffn.gate.weight", bf16, ffn.gate
    if not ffn.hashed:
        yield f"{name}.ffn.gate.bias", f32, ffn.bias
    width = ffn.w2.shape[-1]
    for expert in range(ffn.w13.shape[0]):
        yield f"{name}.ffn.experts.{expert}.w1", groups, ffn.w13[expert, :width]
        yield f"{name}.ffn.experts.{expert}.w2", groups, ffn.w2[expert]
        yield f"{name}.ffn.experts.{expert}.w3", groups, ffn.w13[expert, width:]
    yield f"{name}.ffn.shared_experts.w1", tiles, ffn.shared_w13.weight[:width]
    yield f"{name}.ffn.shared_experts.w2", tiles, ffn.shared_w2.weight
    yield f"{name}.ffn.shared_experts.w3", tiles, ffn.shared_w13.weight[width:]


def parts(model):
    yield "embed.weight", bf16, model.embed.weight
    if not model.config.tie_word_embeddings:
        yield "head.weight", bf16, model.head.weight
    yield "norm.weight", bf16, model.norm.weight
    yield from hyper_parts("hc_head", model.hc_head)
    for index, layer in enumerate(model.layers):
        yield from layer_parts(f"layers.{index}", layer)
    if not hasattr(model, "mtp"):
        return
    mtp = model.mtp
    yield from layer_parts("mtp.0", mtp.layer)
    yield "mtp.0.e_proj", tiles, mtp.e_proj.weight
    yield "mtp.0.h_proj", tiles, mtp.h_proj.weight
    for part in ("enorm", "hnorm", "norm"):
        yield f"mtp.0.{part}.weight", bf16, getattr(mtp, part).weight
    yield from hyper_parts("mtp.0.hc_head", mtp.hc_head)


def to_tensors(model):
    tensors = {}
    for stem, store, value in parts(model):
        tensors |= {stem + suffix: tensor for suffix, tensor in store(value).items()}
    for index, layer in enumerate(model.layers):
        if layer.ffn.hashed:
            tensors[f"layers.{index}.ffn.gate.tid2eid"] = st.Tensor("I64", layer.ffn.tid2eid.cpu().numpy())
    return tensors


def decoded(tensors, stem, store):
    """The float32 values of one part."""
    if store is f32:
        return tensors[stem].words
    if store is bf16:
        return st.from_bf16(tensors[stem].words)
    codes, scale = tensors[f"{stem}.weight"].words, st.from_e8m0(tensors[f"{stem}.scale"].words)
    if store is tiles:
        return st.from_e4m3(codes) * scale.repeat(128, 0).repeat(128, 1)
    return st.from_e2m1(codes) * scale.repeat(32, -1)


@torch.no_grad()
def load_into(model, folder):
    """Sets every parameter to what the checkpoint in `folder` stores: how training starts from shipped weights."""
    tensors = st.read_checkpoint(folder)
    for stem, store, value in parts(model):
        value.copy_(torch.from_numpy(numpy.array(decoded(tensors, stem, store))))
    for index, layer in enumerate(model.layers):
        if layer.ffn.hashed:
            layer.ffn.tid2eid.copy_(torch.from_numpy(numpy.array(tensors[f"layers.{index}.ffn.gate.tid2eid"].words)))


def open_model(recipe_path, state=None):
    recipe = tomllib.loads(pathlib.Path(recipe_path).read_text())
    torch.manual_seed(recipe["seed"])
    model = v4.Model(v4.Config(ROOT / recipe["architecture"])).eval()
    if state:
        model.load_state_dict(torch.load(state, map_location="cpu")["model"])
    return model, recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("--out", required=True)
    parser.add_argument("--random", action="store_true")
    arguments = parser.parse_args()
    recipe = tomllib.loads(pathlib.Path(arguments.recipe).read_text())
    model, recipe = open_model(arguments.recipe, None if arguments.random else ROOT / recipe["work"] / "state.pt")
    if arguments.random:
        shake(model)
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    tensors = to_tensors(model)
    st.write_checkpoint(out, tensors, SHARD_BYTES_MAX)
    shutil.copyfile(ROOT / recipe["architecture"], out / "config.json")
    if not (out / "tokenizer.json").exists():
        shutil.copyfile(ROOT / recipe["tokenizer"], out / "tokenizer.json")
    print(f"{out}: {len(tensors)} tensors, {sum(t.n_bytes for t in tensors.values()) / 1e6:.2f} MB")


@torch.no_grad()
def shake(model):
    """Makes every parameter count: what starts at zero or one would hide a mistake from a parity check."""
    for name, value in [*model.named_parameters(), *((n, b) for n, b in model.named_buffers() if n.endswith("bias"))]:
        if value.dim() < 2 or name.endswith(".ape"):
            value.add_(torch.randn_like(value) * 0.2)


if __name__ == "__main__":
    main()
