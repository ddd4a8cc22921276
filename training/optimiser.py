"""Muon for the hidden matrices, AdamW for everything else."""
import collections

import torch


@torch.no_grad()
def orthogonalised(gradient, steps=5):
    """The nearest orthogonal matrix, roughly, by Newton-Schulz iteration; stacks of matrices at once."""
    x = gradient.bfloat16()
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True) + 1e-7).to(x.dtype)
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-2, -1) if tall else x
    for _ in range(steps):
        gram = x @ x.transpose(-2, -1)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.transpose(-2, -1) if tall else x).float()


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters, lr, momentum=0.95, decay=0.1):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        """Matrices of one shape are orthogonalised together: with many small ones, launching costs more than computing."""
        for group in self.param_groups:
            same_shape = collections.defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    same_shape[p.shape[-2:]].append(p)
            for shape, parameters in same_shape.items():
                gradients = [p.grad for p in parameters]
                momenta = [self.state[p].setdefault("momentum", torch.zeros_like(p)) for p in parameters]
                torch._foreach_mul_(momenta, group["momentum"])
                torch._foreach_add_(momenta, gradients)
                ahead = torch._foreach_add(gradients, momenta, alpha=group["momentum"])
                stack = orthogonalised(torch.cat([one.reshape(-1, *shape) for one in ahead]))
                updates = stack.split([p.numel() // shape.numel() for p in parameters])
                torch._foreach_mul_(parameters, 1 - group["lr"] * group["decay"])
                torch._foreach_add_(parameters, [update.view_as(p) for update, p in zip(updates, parameters)],
                                    alpha=-group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5)


def is_hidden_matrix(name, parameter):
    """What Muon handles: matrices between hidden states; not embedding, head, routers, mHC, ape."""
    if parameter.dim() < 2 or min(parameter.shape[-2:]) < 16:
        return False
    return name.startswith(("layers", "mtp")) and not name.endswith((".fn", ".ape", ".gate"))


def split(model, lr_muon, lr_adam):
    """(Muon, AdamW) over the model's parameters."""
    hidden = [p for name, p in model.named_parameters() if is_hidden_matrix(name, p)]
    others = [p for name, p in model.named_parameters() if not is_hidden_matrix(name, p)]
    return Muon(hidden, lr_muon), torch.optim.AdamW(others, lr=lr_adam, betas=(0.9, 0.95), weight_decay=0.0)
