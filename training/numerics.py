"""Number formats of V4 as straight-through fake quantisation: E4M3 and E2M1 values on power-of-two scales, and Hadamard.

Each fake_* function returns its input rounded to what storage keeps; gradients pass as if it were
the identity.  Rounding is to nearest, ties to even; scales are 2^ceil(log2(amax / largest value)).
"""
import torch

E4M3_MAX, E2M1_MAX = 448.0, 6.0
AMAX_FLOOR_E4M3, AMAX_FLOOR_E2M1 = 1e-4, 6.0 * 2.0 ** -126


def power_of_two_scale(amax, largest):
    """2^ceil(log2(amax / largest)) in float32, exactly."""
    mantissa, exponent = torch.frexp(amax.float() * (1.0 / largest))
    return torch.ldexp(torch.ones_like(mantissa), exponent - (mantissa == 0.5).to(exponent.dtype))


def round_e4m3(x):
    x = x.float().clamp(-E4M3_MAX, E4M3_MAX)
    if x.is_cuda:
        return x.to(torch.float8_e4m3fn).float()
    exponent = torch.frexp(x)[1].clamp(min=-5)  # x = m 2^e with m in [1/2, 1); the smallest normal is 2^-6
    step = torch.ldexp(torch.ones_like(x), exponent - 4)
    return torch.round(x / step) * step


def round_e2m1(x):
    x = x.float().clamp(-E2M1_MAX, E2M1_MAX)
    exponent = torch.frexp(x)[1].clamp(min=1)
    step = torch.ldexp(torch.ones_like(x), exponent - 2)
    return torch.round(x / step) * step


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(context, x, rounded):
        return rounded.to(x.dtype)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def straight_through(x, rounded):
    return _StraightThrough.apply(x, rounded)


@torch.no_grad()
def rows_e4m3(x, block):
    """x rounded in blocks of `block` consecutive channels (the last axis)."""
    blocks = x.detach().float().unflatten(-1, (-1, block))
    scale = power_of_two_scale(blocks.abs().amax(-1, keepdim=True).clamp(min=AMAX_FLOOR_E4M3), E4M3_MAX)
    return (round_e4m3(blocks / scale) * scale).flatten(-2)


@torch.no_grad()
def rows_e2m1(x, block=32):
    blocks = x.detach().float().unflatten(-1, (-1, block))
    scale = power_of_two_scale(blocks.abs().amax(-1, keepdim=True).clamp(min=AMAX_FLOOR_E2M1), E2M1_MAX)
    return (round_e2m1(blocks / scale) * scale).flatten(-2)


@torch.no_grad()
def tiles_e4m3(weight, tile=128):
    """(codes as values on the E4M3 grid, scales [rows/tile, columns/tile]) of a matrix cut into square tiles."""
    rows, columns = weight.shape
    tiles = weight.detach().float().reshape(rows // tile, tile, columns // tile, tile)
    scale = power_of_two_scale(tiles.abs().amax((1, 3), keepdim=True).clamp(min=AMAX_FLOOR_E4M3), E4M3_MAX)
    return round_e4m3(tiles / scale).reshape(rows, columns), scale[:, 0, :, 0]


@torch.no_grad()
def groups_e2m1(weight, group=32):
    """(codes as values on the E2M1 grid, scales [..., columns/group]) of rows cut into groups."""
    groups = weight.detach().float().unflatten(-1, (-1, group))
    scale = power_of_two_scale(groups.abs().amax(-1, keepdim=True).clamp(min=AMAX_FLOOR_E2M1), E2M1_MAX)
    return round_e2m1(groups / scale).flatten(-2), scale[..., 0]


def fake_weight_e4m3(weight):
    codes, scale = tiles_e4m3(weight)
    rounded = codes * scale.repeat_interleave(128, 0).repeat_interleave(128, 1)
    return straight_through(weight, rounded)


def fake_weight_e2m1(weight):
    codes, scale = groups_e2m1(weight)
    return straight_through(weight, codes * scale.repeat_interleave(32, -1))


def fake_activation(x):
    return straight_through(x, rows_e4m3(x, 128))


def fake_kv(x, n_rope):
    """Keys as they are cached: all but the last n_rope channels in E4M3 blocks of 64."""
    plain = x[..., :-n_rope]
    return torch.cat((straight_through(plain, rows_e4m3(plain, 64)), x[..., -n_rope:]), -1)


def hadamard_matrix(size, device=None):
    matrix = torch.ones(1, 1, device=device)
    while matrix.shape[0] < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)))
    return matrix * size ** -0.5


def fake_index(x):
    """Index queries and keys as they are stored: Hadamard, then E2M1 in groups of 32."""
    turned = x @ hadamard_matrix(x.shape[-1], x.device).to(x.dtype)
    return straight_through(turned, rows_e2m1(turned))
