"""Reads and writes safetensors files with numpy alone, in the dtypes of DeepSeek-V4's checkpoints.

Arrays of F8_E4M3, F8_E8M0, BF16 and packed FP4 (I8) are raw bytes or 16-bit words: see Tensor.
"""
import dataclasses
import json
import pathlib
import struct

import numpy

WORD = {"F8_E4M3": numpy.uint8, "F8_E8M0": numpy.uint8, "I8": numpy.uint8, "BF16": numpy.uint16, "F32": numpy.float32,
        "I64": numpy.int64}


@dataclasses.dataclass
class Tensor:
    dtype: str            # as the file spells it
    words: numpy.ndarray  # of WORD[dtype], in the tensor's shape

    @property
    def n_bytes(self):
        return self.words.nbytes


def write_file(path, tensors):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.words.shape), "data_offsets": [offset, offset + tensor.n_bytes]}
        offset += tensor.n_bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(numpy.ascontiguousarray(tensor.words).tobytes())


def read_file(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    body, tensors = memoryview(data)[8 + length:], {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            tensors[name] = Tensor(entry["dtype"], numpy.frombuffer(body[start:end], WORD[entry["dtype"]]).reshape(entry["shape"]))
    return tensors


def write_checkpoint(folder, tensors, shard_bytes_max):
    """model.safetensors, or shards and their index where one file would be too large.  Old weights there are removed."""
    folder = pathlib.Path(folder)
    for old in folder.glob("model*.safetensors*"):
        old.unlink()
    shards, size = [{}], 0
    for name, tensor in tensors.items():
        if size + tensor.n_bytes > shard_bytes_max and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.n_bytes
    if len(shards) == 1:
        write_file(folder / "model.safetensors", tensors)
        return
    weight_map = {}
    for index, shard in enumerate(shards, 1):
        file = f"model-{index:05d}-of-{len(shards):05d}.safetensors"
        write_file(folder / file, shard)
        weight_map |= {name: file for name in shard}
    total = sum(tensor.n_bytes for tensor in tensors.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=1) + "\n")


def read_checkpoint(folder):
    tensors = {}
    for file in sorted(pathlib.Path(folder).glob("model*.safetensors")):
        tensors |= read_file(file)
    return tensors


def to_bf16(values):
    """Nearest bfloat16, ties to even, as 16-bit words."""
    bits = numpy.ascontiguousarray(values, dtype=numpy.float32).view(numpy.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def from_bf16(words):
    return (words.astype(numpy.uint32) << 16).view(numpy.float32)


def to_e4m3(values):
    """Bytes of values that lie on the E4M3 grid."""
    mantissa, exponent = numpy.frexp(numpy.abs(values).astype(numpy.float64))
    normal = (exponent >= -5) & (mantissa > 0)
    code = numpy.where(normal, ((exponent + 6) << 3) + (mantissa * 16 - 8), numpy.abs(values) * 512)
    return (code.astype(numpy.int64) | (numpy.signbit(values).astype(numpy.int64) << 7)).astype(numpy.uint8)


def from_e4m3(codes):
    codes = codes.astype(numpy.int64)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    value = numpy.where(exponent > 0, (8 + mantissa) * 2.0 ** (exponent - 10), mantissa * 2.0 ** -9)
    return numpy.where(codes & 128, -value, value).astype(numpy.float32)


def to_e8m0(scales):
    return (numpy.frexp(scales)[1] - 1 + 127).astype(numpy.uint8)


def from_e8m0(codes):
    return numpy.ldexp(numpy.float32(1), codes.astype(numpy.int32) - 127).astype(numpy.float32)


E2M1 = numpy.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=numpy.float32)


def to_e2m1(values):
    """Two values a byte along the last axis, the even one in the low half."""
    code = numpy.searchsorted(E2M1, numpy.abs(values)) | (numpy.signbit(values).astype(numpy.int64) << 3)
    return (code[..., 0::2] | (code[..., 1::2] << 4)).astype(numpy.uint8)


def from_e2m1(packed):
    codes = numpy.stack((packed & 15, packed >> 4), -1).reshape(*packed.shape[:-1], -1)
    return numpy.where(codes & 8, -E2M1[codes & 7], E2M1[codes & 7])
