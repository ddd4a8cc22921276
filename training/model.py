"""DeepSeek-V4's architecture in PyTorch, in the form that trains: chunked attention, checkpointing, fake quantisation.

Runs on torch 1.13 (CPU) and 2.x (CUDA).  Parameters are float32 masters under the official tensor
names (experts stacked); `Numerics` says in which precision a forward pass computes:

    exact    float32, nothing rounded                                  (compared with the engine)
    train    `dtype` matrix products, nothing quantised
    native   `dtype` products, every tensor rounded to what the official format stores

Shapes: B sequences of S tokens (S a multiple of the window), H heads, d head_dim, D hidden size,
n compressed entries, 4 residual streams as [B, S, 4, D].
"""
import dataclasses
import json
import math
import os
import pathlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import numerics

MASKED = -1e9  # a logit that takes no part; finite, so that rows without any entry stay defined


class Config:
    """config.json: every official key is an attribute."""

    def __init__(self, path):
        self.raw = json.loads(pathlib.Path(path).read_text())
        self.__dict__.update(self.raw)


@dataclasses.dataclass
class Numerics:
    dtype: torch.dtype = torch.float32
    quantised: bool = False


@dataclasses.dataclass
class Attending:
    """How one forward pass treats compressed entries, and how it trades time for memory."""
    sparse: bool = True        # CSA reads the indexer's top-k; False: every visible entry
    gather_above: int = 8192   # entries from which CSA gathers the chosen rows instead of masking a full score matrix
    chunk: int = 0             # queries at a time; 0: all
    train_index: bool = True   # whether the indexers' losses are wanted
    remember: bool = True      # False: recompute blocks and chunks in the backward pass


def fused(function, sizes_vary=False):
    """torch.compile for small pure functions where there is one (CUDA, torch >= 2); NANO_EAGER=1 switches it off."""
    if hasattr(torch, "compile") and torch.cuda.is_available() and not os.environ.get("NANO_EAGER"):
        return torch.compile(function, dynamic=None if sizes_vary else False)
    return function


def fused_for_any_size(function):
    """As fused, but compiled once for all sizes after the second one: for tensors with an axis of entries, which grows with the chunk."""
    return fused(function, sizes_vary=True)


def allow_many_shapes():
    """Every stage and rank of tensor is one more variant of a compiled function: lift dynamo's small limit."""
    if hasattr(torch, "_dynamo"):
        for limit in ("cache_size_limit", "recompile_limit", "accumulated_cache_size_limit", "accumulated_recompile_limit"):
            if hasattr(torch._dynamo.config, limit):
                setattr(torch._dynamo.config, limit, 512)


@fused
def rms_rows(x, weight):
    x32 = x.float()
    y = x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + 1e-6)
    return (y if weight is None else y * weight).to(x.dtype)


def rms(x, weight=None):
    """Compiled for rows, whose number is the same in most stages: few shapes, few compilations."""
    return rms_rows(x.reshape(-1, x.shape[-1]), weight).view(x.shape)


def rope_frequencies(config, ratio, device):
    """Radians a position for each of the rotated pairs of a layer."""
    dim = config.qk_rope_head_dim
    steps = torch.arange(0, dim, 2, dtype=torch.float32, device=device) / dim
    if ratio == 0:
        return 1.0 / (config.rope_theta ** steps)
    theta, scaling = config.compress_rope_theta, config.rope_scaling
    frequencies = 1.0 / (theta ** steps)
    bound = lambda turns: (dim * math.log(scaling["original_max_position_embeddings"] / (turns * 2 * math.pi))
                           / (2 * math.log(theta)))
    low = max(math.floor(bound(scaling["beta_fast"])), 0)
    high = min(math.ceil(bound(scaling["beta_slow"])), dim - 1)
    ramp = ((torch.arange(dim // 2, device=device) - low) / max(high - low, 0.001)).clamp(0, 1)
    return frequencies * (1 - ramp) + frequencies / scaling["factor"] * ramp


def rotations(config, ratio, positions):
    """cos and sin [len(positions), pairs]; the product of position and frequency is taken in float32."""
    angles = positions.float()[:, None] * rope_frequencies(config, ratio, positions.device)[None]
    return angles.cos(), angles.sin()


@fused
def rotate_rows(x, cos, sin):
    pairs = cos.shape[-1]
    plain, turned = x[..., :-2 * pairs], x[..., -2 * pairs:].float()
    even, odd = turned[..., 0::2], turned[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1).flatten(-2)
    return torch.cat((plain, turned.to(x.dtype)), -1)


def rotate(x, cos, sin):
    """The last 2*pairs channels of x [B, S, ..., channels] turned, as interleaved (even, odd) pairs."""
    batch, length = x.shape[:2]
    rows = x.reshape(batch * length, -1, x.shape[-1])
    return rotate_rows(rows, cos.repeat(batch, 1).unsqueeze(1), sin.repeat(batch, 1).unsqueeze(1)).view(x.shape)


class Linear8(nn.Module):
    """A bias-free linear whose weight is stored as E4M3 tiles and whose input is rounded to E4M3 rows."""

    def __init__(self, n_in, n_out, std=None, quantise_input=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * (std or n_in ** -0.5))
        self.quantise_input = quantise_input

    def forward(self, x, mode):
        weight = numerics.fake_weight_e4m3(self.weight) if mode.quantised else self.weight
        if mode.quantised and self.quantise_input:
            x = numerics.fake_activation(x)
        return F.linear(x, weight.to(x.dtype))


class Norm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return rms(x, self.weight)


class Plain(nn.Module):
    """A matrix stored in BF16 and never quantised."""

    def __init__(self, n_in, n_out, std=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * (std or n_in ** -0.5))

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


def sinkhorn(logits, iterations, eps):
    """A doubly stochastic matrix from logits [4(j), 4(k), tokens]; it ends on columns (sums over j)."""
    mix = logits.softmax(1) + eps
    mix = mix / (mix.sum(0, keepdim=True) + eps)
    for _ in range(iterations - 1):
        mix = mix / (mix.sum(1, keepdim=True) + eps)
        mix = mix / (mix.sum(0, keepdim=True) + eps)
    return mix


@fused
def split_streams(streams, fn, base, scale, iterations, eps):
    """mHC before a sub-layer: (its input [T, D], post [T, 4], mix [T, 4(j), 4(k)]) of streams [T, 4, D]."""
    n = streams.shape[1]
    flat = streams.flatten(1)
    inverse = torch.rsqrt((flat * flat).sum(-1, dtype=torch.float32) / flat.shape[1] + eps)
    logits = F.linear(flat, fn.to(flat.dtype)).float().t() * inverse  # [24, T]
    pre = torch.sigmoid(logits[:n] * scale[0] + base[:n, None]) + eps
    post = 2 * torch.sigmoid(logits[n:2 * n] * scale[1] + base[n:2 * n, None])
    mix = (logits[2 * n:] * scale[2] + base[2 * n:, None]).unflatten(0, (n, n))
    mix = sinkhorn(mix, iterations, eps)
    taken = (pre.t().unsqueeze(-1).to(streams.dtype) * streams).sum(1)
    return taken, post.t(), mix.permute(2, 0, 1)


@fused
def join_streams(streams, out, post, mix):
    """mHC after a sub-layer: stream k becomes post_k out + sum_j mix_jk stream_j."""
    mixed = (mix.unsqueeze(-1) * streams.float().unsqueeze(2)).sum(1)  # a sum of four: fused, where a product of 4x4 matrices is slow
    return (mixed + post.unsqueeze(-1) * out.float().unsqueeze(1)).to(streams.dtype)


class HyperConnection(nn.Module):
    def __init__(self, config):
        super().__init__()
        n, self.iterations, self.eps = config.hc_mult, config.hc_sinkhorn_iters, config.hc_eps
        self.fn = nn.Parameter(torch.randn((2 + n) * n, n * config.hidden_size) * 0.01)
        base = torch.zeros((2 + n) * n)
        base[:n] = -1.0
        base[2 * n:] = (torch.eye(n) * 4).flatten()
        self.base = nn.Parameter(base)
        self.scale = nn.Parameter(torch.full((3,), 0.1))

    def forward(self, streams, sublayer):
        batch, length = streams.shape[:2]
        flat = streams.flatten(0, 1)
        taken, post, mix = split_streams(flat, self.fn, self.base, self.scale, self.iterations, self.eps)
        out, extra = sublayer(taken.unflatten(0, (batch, length)))
        return join_streams(flat, out.flatten(0, 1), post, mix).unflatten(0, (batch, length)), extra


class StreamHead(nn.Module):
    """The four streams weighed into one before the last norm."""

    def __init__(self, config):
        super().__init__()
        n, self.eps = config.hc_mult, config.hc_eps
        self.fn = nn.Parameter(torch.randn(n, n * config.hidden_size) * 0.01)
        self.base = nn.Parameter(torch.zeros(n))
        self.scale = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, streams):
        flat = streams.flatten(-2)
        inverse = torch.rsqrt(flat.float().square().mean(-1, keepdim=True) + self.eps)
        logits = F.linear(flat, self.fn.to(flat.dtype)).float() * inverse
        weights = torch.sigmoid(logits * self.scale + self.base) + self.eps
        return (weights.unsqueeze(-1) * streams.float()).sum(-2).to(streams.dtype)


class Compressor(nn.Module):
    """Entries of `ratio` tokens each: a per-channel softmax over their rows (ratio 4: over the previous window's too)."""

    def __init__(self, config, ratio, width):
        super().__init__()
        self.config, self.ratio, self.width, self.overlaps = config, ratio, width, ratio == 4
        channels = width * (2 if self.overlaps else 1)
        self.wkv, self.wgate = Plain(config.hidden_size, channels), Plain(config.hidden_size, channels)
        self.ape = nn.Parameter(torch.zeros(ratio, channels))
        self.norm = Norm(width)

    def forward(self, x):
        n = x.shape[1] // self.ratio
        rows = x[:, :n * self.ratio]
        values = self.wkv(rows).unflatten(1, (n, self.ratio))
        gates = self.wgate(rows).unflatten(1, (n, self.ratio)).float() + self.ape
        if self.overlaps:
            w = self.width
            before = F.pad(values[:, :-1, :, :w], (0, 0, 0, 0, 1, 0))
            gates_before = F.pad(gates[:, :-1, :, :w], (0, 0, 0, 0, 1, 0), value=MASKED)
            values = torch.cat((before, values[..., w:]), 2)
            gates = torch.cat((gates_before, gates[..., w:]), 2)
        entries = (values * gates.softmax(2).to(values.dtype)).sum(2)
        positions = torch.arange(n, device=x.device) * self.ratio
        return rotate(self.norm(entries), *rotations(self.config, self.ratio, positions))


class Indexer(nn.Module):
    """Scores compressed entries cheaply; learns from the attention of its layer, to which it passes no gradient."""

    def __init__(self, config):
        super().__init__()
        self.heads, self.dim = config.index_n_heads, config.index_head_dim
        self.wq_b = Linear8(config.q_lora_rank, self.heads * self.dim)
        self.weights_proj = Plain(config.hidden_size, self.heads)
        self.compressor = Compressor(config, 4, self.dim)

    def forward(self, x, low_rank_query, cos, sin, mode):
        """(queries [B, S, heads, dim], their weights [B, S, heads], keys [B, n, dim])"""
        queries = self.wq_b(low_rank_query, mode).unflatten(-1, (self.heads, self.dim))
        queries, keys = rotate(queries, cos, sin), self.compressor(x)
        if mode.quantised:
            queries, keys = numerics.fake_index(queries), numerics.fake_index(keys)
        return queries, self.weights_proj(x).float() * (self.dim * self.heads) ** -0.5, keys


@fused_for_any_size
def weighed_heads(dots, weights):
    """The scores [B, Q, n] of the index heads' dot products [B, Q, heads, n] and their weights [B, Q, heads]."""
    return (F.relu(dots).float() * weights.unsqueeze(-1)).sum(2)


def index_scores(queries, weights, keys):
    """[B, Q, n] of queries [B, Q, heads, dim] against keys [B, n, dim]."""
    dots = torch.matmul(queries.flatten(1, 2), keys.transpose(1, 2)).unflatten(1, queries.shape[1:3])
    return weighed_heads(dots, weights)


@fused_for_any_size
def shares_of(window, hidden, entries, seen, sink, scale):
    """One softmax of every query and head over its window, the compressed entries (or None) and the sink.

    window [B, Q, H, 2W] and entries [B, Q, H, n] are dot products, hidden and seen [1 or B, Q, 1, ...] say which count.
    Returns the shares of each of the two.
    """
    parts = [(window.float() * scale).masked_fill(hidden, MASKED)]
    if entries is not None:
        parts.append((entries.float() * scale).masked_fill(~seen, MASKED))
    sink = sink.float().unsqueeze(-1)
    top = sink
    for part in parts:
        top = torch.maximum(top, part.amax(-1, keepdim=True))
    top = top.detach()  # it cancels out
    powers = [(part - top).exp() for part in parts]
    total = (sink - top).exp() + sum(power.sum(-1, keepdim=True) for power in powers)
    return [(power / total).to(window.dtype) for power in powers]


@fused_for_any_size
def index_loss(attention, scores, chosen):
    """Cross-entropy of the indexer's softmax over chosen entries against the layer's attention to them, per query."""
    target = attention.float().sum(2)
    target = target / (target.sum(-1, keepdim=True) + 1e-6)
    return -(target * scores.masked_fill(~chosen, MASKED).log_softmax(-1)).masked_fill(~chosen, 0).sum(-1).mean()


class Attention(nn.Module):
    def __init__(self, config, ratio):
        super().__init__()
        self.config, self.ratio = config, ratio
        self.heads, self.dim, self.window = config.num_attention_heads, config.head_dim, config.sliding_window
        self.groups, d_model = config.o_groups, config.hidden_size
        self.wq_a, self.q_norm = Linear8(d_model, config.q_lora_rank), Norm(config.q_lora_rank)
        self.wq_b = Linear8(config.q_lora_rank, self.heads * self.dim)
        self.wkv, self.kv_norm = Linear8(d_model, self.dim), Norm(self.dim)
        self.attn_sink = nn.Parameter(torch.zeros(self.heads))
        group_in = self.heads * self.dim // self.groups
        self.wo_a = Linear8(group_in, self.groups * config.o_lora_rank, quantise_input=False)
        self.wo_b = Linear8(self.groups * config.o_lora_rank, d_model, std=0.02)
        if ratio:
            self.compressor = Compressor(config, ratio, self.dim)
        if ratio == 4:
            self.indexer = Indexer(config)

    def forward(self, x, mode, attending):
        """(output [B, S, D], the indexer's loss)"""
        batch, length, _ = x.shape
        rope = self.config.qk_rope_head_dim
        cos, sin = rotations(self.config, self.ratio, torch.arange(length, device=x.device))
        low_rank = self.q_norm(self.wq_a(x, mode))
        q = rotate(rms(self.wq_b(low_rank, mode).unflatten(-1, (self.heads, self.dim))), cos, sin)
        kv = rotate(self.kv_norm(self.wkv(x, mode)), cos, sin)
        entries = self.compressor(x) if self.ratio else None
        if mode.quantised:
            kv = numerics.fake_kv(kv, rope)
            entries = numerics.fake_kv(entries, rope) if self.ratio else None
        index = None
        reads_top_k = attending.sparse and length // 4 > self.config.index_topk
        if self.ratio == 4 and (reads_top_k or attending.train_index and torch.is_grad_enabled()):
            index = self.indexer(x.detach(), low_rank.detach(), cos, sin, mode)

        outs, losses = [], []
        chunk = attending.chunk or length
        for start in range(0, length, chunk):
            arguments = (q, kv, entries, index, start, min(start + chunk, length), attending)
            if attending.remember or not torch.is_grad_enabled():
                out, loss = self.attend(*arguments)
            else:
                out, loss = checkpoint(self.attend, *arguments, use_reentrant=False)
            outs.append(out)
            losses.append(loss)
        out = rotate(torch.cat(outs, 1), cos, -sin)

        grouped = out.reshape(batch * length, self.groups, -1).transpose(0, 1)
        weight = numerics.fake_weight_e4m3(self.wo_a.weight) if mode.quantised else self.wo_a.weight
        low = torch.bmm(grouped, weight.to(x.dtype).unflatten(0, (self.groups, -1)).transpose(1, 2))
        out = self.wo_b(low.transpose(0, 1).reshape(batch, length, -1), mode)
        return out, sum(losses) / len(losses)

    def attend(self, q, kv, entries, index, start, end, attending):
        """Heads' outputs [B, Q, H, d] and the indexer's loss of queries start..end: one softmax over window, entries, sink."""
        batch, n_queries = q.shape[0], end - start
        q = q[:, start:end]
        window_keys = self.window_keys(kv, start, end)  # [B blocks, 2W, d]
        blocks = window_keys.shape[0] // batch
        in_window = torch.bmm(q.reshape(batch * blocks, -1, self.dim), window_keys.transpose(1, 2)).reshape(batch, n_queries, self.heads, -1)
        hidden = self.hidden_in_window(start, end, q.device)
        n_visible = end // self.ratio if self.ratio else 0  # entries that some query of the chunk sees
        chosen = scores = keys = seen = dots = None
        if n_visible:
            entries = entries[:, :n_visible]
            chosen, scores, keys = self.choose(entries, index, start, end, attending)
            dots, seen = self.entry_dots(q, entries, keys), chosen.unsqueeze(2)
        shares, *entry_shares = shares_of(in_window, hidden, dots, seen, self.attn_sink, self.dim ** -0.5)

        out = torch.bmm(shares.reshape(batch * blocks, -1, 2 * self.window), window_keys).reshape(batch, n_queries, self.heads, self.dim)
        no_loss = torch.zeros((), device=q.device)
        if not n_visible:
            return out, no_loss
        entry_shares = entry_shares[0]
        if keys is None:
            out = out + torch.matmul(entry_shares.flatten(1, 2), entries).reshape(out.shape)
        else:
            out = out + torch.matmul(entry_shares, keys)
        if scores is None or not attending.train_index or not torch.is_grad_enabled():
            return out, no_loss
        return out, index_loss(entry_shares.detach(), scores, chosen)

    def window_keys(self, kv, start, end):
        """For every block of W queries, its own and the previous block's keys."""
        blocks = kv[:, max(start - self.window, 0):end]
        if start == 0:
            blocks = F.pad(blocks, (0, 0, self.window, 0))
        blocks = blocks.unflatten(1, (-1, self.window))
        return torch.cat((blocks[:, :-1], blocks[:, 1:]), 2).flatten(0, 1)

    def hidden_in_window(self, start, end, device):
        """Where a query may not look among its own and the previous block's keys: [1, Q, 1, 2W]."""
        W = self.window
        behind = torch.arange(W, device=device)[:, None] + W - torch.arange(2 * W, device=device)[None]
        hidden = ((behind < 0) | (behind >= W))[None].repeat((end - start) // W, 1, 1)
        if start == 0:
            hidden[0, :, :W] = True
        return hidden.view(1, end - start, 1, 2 * W)

    def choose(self, entries, index, start, end, attending):
        """Which entries each query reads.

        Returns (chosen, scores, keys).  Masking: chosen and scores [B, Q, n], keys None.  Gathering:
        chosen and scores [B, Q, k] of the top k, and their rows keys [B, Q, k, d].
        """
        n = entries.shape[1]
        count = torch.div(torch.arange(start + 1, end + 1, device=entries.device), self.ratio, rounding_mode="floor")
        visible = (torch.arange(n, device=entries.device)[None] < count[:, None])[None]
        if index is None:
            return visible, None, None
        queries, weights, keys = index[0][:, start:end], index[1][:, start:end], index[2][:, :n]
        top_k = self.config.index_topk
        if not attending.sparse or n <= top_k:
            scores = index_scores(queries, weights, keys) if attending.train_index else None
            return visible.expand(entries.shape[0], -1, -1), scores, None
        gathers = n > attending.gather_above
        with torch.set_grad_enabled(torch.is_grad_enabled() and not gathers):
            scores = index_scores(queries, weights, keys)
        first_of_equals = torch.arange(n, device=entries.device) * -1e-20  # scores of exactly 0 are common
        best = (scores.detach() + first_of_equals).masked_fill(~visible, MASKED).topk(top_k, -1).indices
        if not gathers:
            chosen = torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, best, True) & visible
            return chosen, scores, None
        rows = lambda table: torch.stack([one[at] for one, at in zip(table, best)])
        dots = torch.einsum("bqhd,bqkd->bqhk", queries, rows(keys))
        scores = weighed_heads(dots, weights)
        return best < count[None, :, None], scores, rows(entries)

    def entry_dots(self, q, entries, keys):
        if keys is None:
            dots = torch.matmul(q.flatten(1, 2), entries.transpose(1, 2))
            return dots.unflatten(1, q.shape[1:3])
        return torch.matmul(q, keys.transpose(2, 3))


def swiglu(gate_and_up, limit):
    gate, up = gate_and_up.float().chunk(2, -1)
    return F.silu(gate.clamp(max=limit)) * up.clamp(-limit, limit)


gated = fused(swiglu)


@fused
def weighed(gate_and_up, weights, limit):
    """The experts' activations [T, experts, width] times their weights [T, experts], as the second product takes them."""
    return (swiglu(gate_and_up, limit) * weights.unsqueeze(-1)).to(gate_and_up.dtype)


class MixtureOfExperts(nn.Module):
    """Routed experts (FP4) chosen by score plus bias, or by token id in the first layers, and a shared expert (FP8)."""

    def __init__(self, config, hashed):
        super().__init__()
        self.config = config
        n, dim, width = config.n_routed_experts, config.hidden_size, config.moe_intermediate_size
        self.gate = nn.Parameter(torch.randn(n, dim) * 0.02)
        if hashed:
            self.register_buffer("tid2eid", spread_tokens(config))
        else:
            self.register_buffer("bias", torch.zeros(n))
        self.register_buffer("load", torch.zeros(n), persistent=False)
        self.hashed = hashed
        self.w13 = nn.Parameter(torch.randn(n, 2 * width, dim) * dim ** -0.5)
        self.w2 = nn.Parameter(torch.randn(n, dim, width) * 0.3 * width ** -0.5)
        self.shared_w13, self.shared_w2 = Linear8(dim, 2 * width), Linear8(width, dim, std=0.02)

    def forward(self, x, ids, mode):
        flat = x.flatten(0, 1)
        scores = F.softplus(F.linear(flat.float(), self.gate)).sqrt()
        if self.hashed:
            experts = self.tid2eid[ids.flatten()]
        else:
            experts = (scores.detach() + self.bias).topk(self.config.num_experts_per_tok, -1).indices
        weights = scores.gather(-1, experts)
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) * self.config.routed_scaling_factor
        if mode.quantised:
            flat = numerics.fake_activation(flat)
        routed = self.routed(flat, torch.zeros_like(scores).scatter(-1, experts, weights), mode)
        shared = gated(self.shared_w13(flat, mode), self.config.swiglu_limit).to(x.dtype)
        return (routed + self.shared_w2(shared, mode)).view_as(x)

    def routed(self, flat, weights, mode):
        """Every expert on every token, weights [T, experts] zero where it was not chosen.

        A few small experts cost less this way than sorting tokens by expert, for which the CPU waits.
        """
        if self.training:
            self.load += (weights.detach() > 0).sum(0)
        w13, w2 = self.w13, self.w2
        if mode.quantised:
            w13, w2 = numerics.fake_weight_e2m1(w13), numerics.fake_weight_e2m1(w2)
        hidden = F.linear(flat, w13.to(flat.dtype).flatten(0, 1)).unflatten(-1, (w13.shape[0], -1))
        hidden = weighed(hidden, weights, self.config.swiglu_limit)
        if mode.quantised:
            hidden = numerics.fake_activation(hidden)
        return F.linear(hidden.flatten(1), w2.to(flat.dtype).transpose(0, 1).flatten(1))


def spread_tokens(config):
    """tid2eid [V, k]: distinct experts for every token id, each expert equally often."""
    generator = torch.Generator().manual_seed(4)
    n, k = config.n_routed_experts, config.num_experts_per_tok
    first = torch.randperm(config.vocab_size, generator=generator) % n
    gaps = torch.randint(1, max(n // k, 2), (config.vocab_size,), generator=generator)
    return (first[:, None] + torch.arange(k)[None] * gaps[:, None]) % n


class Layer(nn.Module):
    def __init__(self, config, ratio, hashed):
        super().__init__()
        self.attn_norm, self.ffn_norm = Norm(config.hidden_size), Norm(config.hidden_size)
        self.hc_attn, self.hc_ffn = HyperConnection(config), HyperConnection(config)
        self.attn, self.ffn = Attention(config, ratio), MixtureOfExperts(config, hashed)

    def forward(self, streams, ids, mode, attending):
        streams, loss = self.hc_attn(streams, lambda x: self.attn(self.attn_norm(x), mode, attending))
        streams, _ = self.hc_ffn(streams, lambda x: (self.ffn(self.ffn_norm(x), ids, mode), None))
        return streams, loss


class NextTokenBlock(nn.Module):
    """MTP: from the streams of token i and the embedding of token i+1, the streams that predict token i+2."""

    def __init__(self, config):
        super().__init__()
        dim = config.hidden_size
        self.e_proj, self.h_proj = Linear8(dim, dim), Linear8(dim, dim)
        self.enorm, self.hnorm, self.norm = Norm(dim), Norm(dim), Norm(dim)
        self.layer, self.hc_head = Layer(config, 0, hashed=False), StreamHead(config)

    def forward(self, streams, next_embedding, next_ids, mode, attending):
        embedded = self.e_proj(self.enorm(next_embedding), mode).unsqueeze(2)
        streams = embedded + self.h_proj(self.hnorm(streams), mode)
        streams, _ = self.layer(streams, next_ids, mode, attending)
        return self.norm(self.hc_head(streams))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        ratios, n_layers = config.compress_ratios, config.num_hidden_layers
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(config, ratios[i], i < config.num_hash_layers) for i in range(n_layers))
        self.hc_head, self.norm = StreamHead(config), Norm(config.hidden_size)
        self.head = Plain(config.hidden_size, config.vocab_size, std=0.02)
        if config.tie_word_embeddings:
            self.head.weight = self.embed.weight
        if config.num_nextn_predict_layers:
            self.mtp = NextTokenBlock(config)

    def embedded(self, ids, mode):
        return self.embed(ids).to(mode.dtype)

    def streams(self, ids, mode, attending):
        """(the streams after the last layer, the sum of the indexers' losses)"""
        streams = self.embedded(ids, mode).unsqueeze(2).repeat(1, 1, self.config.hc_mult, 1)
        total = 0.0
        for layer in self.layers:
            if attending.remember or not torch.is_grad_enabled():
                streams, loss = layer(streams, ids, mode, attending)
            else:
                streams, loss = checkpoint(layer, streams, ids, mode, attending, use_reentrant=False)
            total = total + loss
        return streams, total

    def hidden(self, streams):
        """What the head multiplies: [B, S, D]."""
        return self.norm(self.hc_head(streams))

    def drafted(self, streams, ids, mode, attending):
        """MTP's hidden states [B, S, D]: position i is to predict token i+2.  The last position has no next token."""
        following = torch.cat((ids[:, 1:], ids[:, -1:]), 1)
        return self.mtp(streams, self.embedded(following, mode), following, mode, attending)

    @torch.no_grad()
    def logits(self, ids, mode, attending=None):
        """[n, V] float32 for one sequence of any length."""
        n, window = len(ids), self.config.sliding_window
        padded = F.pad(ids, (0, -n % window))
        hidden = self.hidden(self.streams(padded[None], mode, attending or Attending())[0])[0, :n]
        return F.linear(hidden.float(), self.head.weight.bfloat16().float() if mode.quantised else self.head.weight)

    @torch.no_grad()
    def balance(self, rate):
        """Moves each router's bias against its load since the last call."""
        for module in self.modules():
            if isinstance(module, MixtureOfExperts):
                if not module.hashed:
                    module.bias -= rate * torch.sign(module.load - module.load.mean())
                module.load.zero_()
