"""Trains nano by a recipe: resumable, bounded in time, on a CPU or on one or two GPUs.

    python3 training/train.py training/configs/nano-cpu.toml --minutes 60
    torchrun --nproc-per-node 2 training/train.py training/configs/nano.toml --minutes 9

The recipe divides its total minutes into stages (length, rows, task mixture).  State is kept in the
recipe's work folder, so that the same command goes on where the last one stopped.
"""
import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time
import tomllib

import torch
import torch.distributed as dist
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import export
import model as v4
import optimiser
from tasks import relations
from tasks.mixture import Haystack, Mixture
from tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
AGREE_EVERY = 10       # steps after which all ranks agree on the time, which waits for the GPU
AGREE_SECONDS_MAX = 15  # so many steps count as no more: the recipe's minutes are for training, not for waiting for the compiler
_mixture = None  # shared by the worker processes


def open_mixture(recipe, share=relations.shown):
    global _mixture
    tokenizer = Tokenizer(ROOT / recipe["tokenizer"])
    corpus = ROOT / recipe["corpus"] if "corpus" in recipe else None
    _mixture = Mixture(tokenizer, Haystack(tokenizer, ROOT / recipe["haystack"]), corpus, share)
    return _mixture


def make_batch(arguments):
    return _mixture.batch(*arguments)


class Batches:
    """Batches by number, made ahead by worker processes where there are any.  To be made before CUDA is: the workers are forks."""

    def __init__(self, recipe, workers):
        self.pool = None
        open_mixture(recipe).haystack.common_words()
        if workers:
            self.pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("fork"))
            self.pool.submit(int).result()
            self.ahead, self.queue = 2 * workers, collections.OrderedDict()

    def get(self, first_seed, stride, stage):
        """The batch of seed first_seed; those of first_seed + stride, ... are made ready."""
        wanted = lambda seed: (seed, stage["rows"], stage["length"], tuple(sorted(stage["kinds"].items())))
        as_call = lambda key: (key[0], key[1], key[2], dict(key[3]))
        if not self.pool:
            return make_batch(as_call(wanted(first_seed)))
        for n in range(self.ahead):
            key = wanted(first_seed + n * stride)
            if key not in self.queue:
                self.queue[key] = self.pool.submit(make_batch, as_call(key))
        made = self.queue.pop(wanted(first_seed)).result()
        for key in [k for k in self.queue if k[1:] != wanted(0)[1:] or k[0] < first_seed]:
            self.queue.pop(key).cancel()
        return made

    def close(self):
        if self.pool:
            self.pool.shutdown(wait=False, cancel_futures=True)


class Trainer:
    def __init__(self, recipe, device):
        self.recipe, self.device, self.started = recipe, device, time.time()
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        torch.manual_seed(recipe["seed"])
        self.model = v4.Model(v4.Config(ROOT / recipe["architecture"])).to(device).train()
        self.muon, self.adam = optimiser.split(self.model, recipe["lr_muon"], recipe["lr_adam"])
        self.step, self.warm_from, self.tokens, self.seconds = 0, 0, 0, 0.0
        self.work = ROOT / recipe["work"]
        self.work.mkdir(parents=True, exist_ok=True)
        self.state_path = self.work / "state.pt"
        if recipe["smoke"]:
            return
        if self.state_path.exists():
            self.load()
        elif recipe["start_from"]:
            self.start_from(ROOT / recipe["start_from"])

    def start_from(self, folder):
        """The weights of an exported model, and its place in the schedule where its log tells it."""
        export.load_into(self.model, folder)
        log = folder / "log.jsonl"
        if log.exists():
            last = json.loads(log.read_text().splitlines()[-1])
            self.step, self.tokens, self.seconds = last["step"], last["tokens"], float(last["seconds"])
            (self.work / "log.jsonl").write_text(log.read_text())
        if self.progress >= 1:
            raise SystemExit(f"cannot go on from {folder}: its {self.seconds / 60:.1f} minutes are all of the schedule (give more with --total-minutes)")
        self.warm_from = self.step  # the optimisers know nothing yet
        self.log(event="weights taken over")

    def load(self):
        state = torch.load(self.state_path, map_location="cpu")
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.warm_from = state["warm_from"]
        self.log(event="resumed")

    def save(self):
        if self.rank:
            return
        temporary = self.state_path.with_suffix(".new")
        torch.save({"model": self.model.state_dict(), "muon": self.muon.state_dict(), "adam": self.adam.state_dict(),
                    "step": self.step, "warm_from": self.warm_from, "tokens": self.tokens, "seconds": self.seconds}, temporary)
        temporary.rename(self.state_path)

    def log(self, **figures):
        if self.rank == 0:
            line = json.dumps(dict(step=self.step, tokens=self.tokens, seconds=round(self.seconds),
                                   wall=round(time.time() - self.started, 1)) | figures)
            print(line, flush=True)
            with open(self.work / "log.jsonl", "a") as file:
                file.write(line + "\n")

    @property
    def progress(self):
        return self.seconds / (60 * self.recipe["minutes"])

    def stage(self):
        done = 0.0
        for stage in self.recipe["stage"]:
            done += stage["share"]
            if self.progress < done:
                return stage
        return self.recipe["stage"][-1]

    def set_learning_rates(self):
        warm = min(1.0, (self.step - self.warm_from + 1) / self.recipe["warmup_steps"])
        decay_from = self.recipe["decay_from"]
        decay = max(self.recipe["lr_floor"], 1 - max(0.0, self.progress - decay_from) / (1 - decay_from))
        for optimizer, rate in ((self.muon, self.recipe["lr_muon"]), (self.adam, self.recipe["lr_adam"])):
            for group in optimizer.param_groups:
                group["lr"] = rate * warm * decay

    def loss(self, ids, weights, stage):
        """(loss, figures) of one batch, given on the CPU; the head is multiplied only where there is something to learn."""
        mode = v4.Numerics(torch.bfloat16, self.progress >= self.recipe["quantised_from"])
        attending = v4.Attending(sparse=stage["sparse"], train_index=stage["train_index"], chunk=stage.get("chunk", 0),
                                 gather_above=stage.get("gather_above", 8192), remember=stage.get("remember", True))
        keep = self.recipe["text_keep"]
        is_text = weights < 1
        weights = torch.where(is_text & (torch.rand_like(weights) >= keep), torch.zeros_like(weights), weights)
        weights = torch.where(is_text, weights * stage.get("text_weight", 1.0) / keep, weights)
        drafts = self.progress >= self.recipe["mtp_from"]
        n_drafted = max(1, round(ids.shape[0] * self.recipe["mtp_share"])) if drafts else 0
        next_tokens = self.targets(ids, weights, is_text, ahead=1)
        tokens_after = self.targets(ids[:n_drafted], weights[:n_drafted], is_text[:n_drafted], ahead=2)

        ids = self.sent(ids)
        streams, index_loss = self.model.streams(ids, mode, attending)
        ce, right = self.cross_entropy(self.model.hidden(streams)[:, :-1], next_tokens)
        total = ce[0] + self.recipe["index_weight"] * index_loss
        figures = dict(answer=ce[1], text=ce[2], right=right, index=index_loss)
        if drafts:
            drafted = self.model.drafted(streams[:n_drafted], ids[:n_drafted], mode, attending)
            mtp, figures["drafted"] = self.cross_entropy(drafted[:, :-2], tokens_after)
            total = total + self.recipe["mtp_weight"] * mtp[0]
        return total, figures

    def sent(self, tensor):
        """On the device, without waiting for what it is still computing."""
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor

    def targets(self, ids, weights, is_text, ahead):
        """(where there is something to learn, the token `ahead` of there, its weight, whether it is of an answer).

        Found on the CPU: the GPU would have to be waited for before the backward pass can be queued.
        """
        weights = weights[:, ahead:].flatten()
        at = weights.nonzero().squeeze(1)
        return [self.sent(each) for each in (at, ids[:, ahead:].flatten()[at], weights[at], ~is_text[:, ahead:].flatten()[at])]

    def cross_entropy(self, hidden, targets):
        """((weighted mean, mean over answers, mean over text), share of answer tokens right)"""
        at, tokens, weights, answers = targets
        logits = self.model.head(hidden.flatten(0, 1)[at]).float()
        ce = F.cross_entropy(logits, tokens, reduction="none")
        mean = lambda values, mask: (values.detach() * mask).sum() / mask.sum().clamp(min=1)
        with torch.no_grad():
            right = mean((logits.argmax(-1) == tokens).float(), answers)
        return ((ce * weights).sum() / weights.sum(), mean(ce, answers), mean(ce, ~answers)), right

    def reduce_gradients(self):
        if self.world == 1:
            return
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        flat = torch._utils._flatten_dense_tensors([p.grad for p in parameters])
        dist.all_reduce(flat)  # a sum: gloo knows no mean
        flat /= self.world
        for p, gradient in zip(parameters, torch._utils._unflatten_dense_tensors(flat, parameters)):
            p.grad = gradient
        for module in self.model.modules():
            if isinstance(module, v4.MixtureOfExperts):
                dist.all_reduce(module.load)

    def one_step(self, batches):
        stage = self.stage()
        ids, weights = (torch.from_numpy(array)
                        for array in batches.get(self.step * self.world + self.rank + 1_000_000 * self.recipe["seed"], self.world, stage))
        self.set_learning_rates()
        loss, figures = self.loss(ids, weights, stage)
        loss.backward()
        self.reduce_gradients()
        torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad(set_to_none=True)
        self.adam.zero_grad(set_to_none=True)
        self.model.balance(self.recipe["balance_rate"])
        self.step += 1
        self.tokens += ids.numel() * self.world
        if self.step % self.recipe["log_every"] == 0:
            figures = {name: round(float(torch.as_tensor(value).detach()), 4) for name, value in figures.items()}
            self.log(length=stage["length"], **figures)

    def steps(self, batches, wants_to_stop):
        """AGREE_EVERY steps; whether all ranks are to stop."""
        started = time.time()
        for _ in range(AGREE_EVERY):
            self.one_step(batches)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds, stop = self.same_everywhere(time.time() - started, float(wants_to_stop()))
        if seconds > AGREE_SECONDS_MAX:
            self.log(event="waited", steps_took=round(seconds, 1))
        self.seconds += min(seconds, AGREE_SECONDS_MAX)
        return stop or self.progress >= 1

    def smoke(self, batches):
        """A few steps of every stage, the last one also quantised, with their speed and where it goes: what may break shows at once."""
        done, total = 0.0, 60 * self.recipe["minutes"]
        for index, stage in enumerate(self.recipe["stage"]):
            middle = total * (done + stage["share"] / 2)
            done += stage["share"]
            for quantised in (False, True) if index == len(self.recipe["stage"]) - 1 else (False,):
                self.recipe["quantised_from"] = 0.0 if quantised else 2.0
                seconds = []
                try:
                    for _ in range(4):
                        self.seconds, before = middle, time.time()
                        self.one_step(batches)
                        if self.device.type == "cuda":
                            torch.cuda.synchronize()
                        seconds.append(time.time() - before)
                except torch.cuda.OutOfMemoryError:
                    self.model.zero_grad(set_to_none=True)
                    self.log(event="out of memory", length=stage["length"], quantised=quantised)
                    continue
                peak = torch.cuda.max_memory_allocated() / 2 ** 30 if self.device.type == "cuda" else 0
                self.log(event="smoke", length=stage["length"], quantised=quantised, first_seconds=round(seconds[0], 1),
                         tokens_a_second=round(stage["rows"] * stage["length"] * self.world / min(seconds)), peak_gib=round(peak, 1))
                if self.device.type == "cuda" and self.rank == 0:
                    with torch.profiler.profile() as profile:
                        self.one_step(batches)
                        torch.cuda.synchronize()
                    print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=25, max_name_column_width=60), flush=True)
                elif self.device.type == "cuda":
                    self.one_step(batches)

    def same_everywhere(self, *figures):
        """What rank 0 says: ranks that disagree on the time would part at a stage's end."""
        if self.world == 1:
            return figures
        shared = torch.tensor(figures, device=self.device)
        dist.broadcast(shared, 0)
        return shared.tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("--minutes", type=float, default=9, help="stop, with the state saved, after so long")
    parser.add_argument("--total-minutes", type=float, help="instead of the recipe's: to end the schedule within the time that is left")
    parser.add_argument("--start-from", help="an exported model, where there is no state yet")
    parser.add_argument("--smoke", action="store_true", help="a few steps of every stage; nothing is saved")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches")
    parser.add_argument("--save-every", type=float, default=5, help="minutes")
    arguments = parser.parse_args()
    started = time.time()
    recipe = tomllib.loads(pathlib.Path(arguments.recipe).read_text())
    recipe |= {"smoke": arguments.smoke, "start_from": arguments.start_from, "minutes": arguments.total_minutes or recipe["minutes"]}
    batches = Batches(recipe, arguments.workers)
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    v4.allow_many_shapes()
    trainer = Trainer(recipe, device)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    if arguments.smoke:
        trainer.smoke(batches)
        batches.close()
        return
    saved = time.time()
    trainer.log(event="started", parameters=sum(p.numel() for p in trainer.model.parameters()))
    out_of_time = lambda: bool(stopping) or time.time() - started > 60 * arguments.minutes
    while not trainer.steps(batches, out_of_time):
        if time.time() - saved > 60 * arguments.save_every:
            trainer.save()
            saved = time.time()
    trainer.save()
    trainer.log(event="stopped", progress=round(trainer.progress, 4))
    batches.close()
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
