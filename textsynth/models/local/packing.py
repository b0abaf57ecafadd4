"""Packs the weights of linear layers for matrix products in bfloat16 on a CPU.

A plain product brings the weights into the layout of oneDNN at every call, which takes as long as the product itself
where few rows are decoded: measured with the bundled model, 7.3 instead of 3.6 ms CPU time for the output layer with
four rows, 11.7 instead of 7.4 ms with twenty. Packed weights replace the others, so they take no memory of their own,
except for those of an output layer that is tied to the embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Weights are packed for products with about as many rows as a batch has.
ROWS = 16
MAX_DIFFERENCE = 0.02
"""The packed product may differ from the plain one by this part of its largest value: bfloat16 has eight bits."""


def pack_linear_layers(model: Any) -> int:  # noqa: ANN401
    """Pack the linear layers of a model on the CPU in bfloat16, and return how many; 0 where torch cannot do it."""
    import torch

    if model.device.type != "cpu" or model.dtype != torch.bfloat16 or not _can_pack():
        return 0
    tied = {id(weights) for weights in (model.get_input_embeddings().weight,)}
    count = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is torch.nn.Linear:
                setattr(parent, name, _packed_layer(layer, keep=id(layer.weight) in tied))
                count += 1
    return count


def _can_pack() -> bool:
    """Whether this torch has the functions, and they give what a plain product gives."""
    import torch

    if not torch._C._has_mkldnn:
        return False
    generator = torch.Generator().manual_seed(0)
    rows, weights = (torch.randn((n, 64), generator=generator).to(torch.bfloat16) for n in (3, 32))
    try:
        product = _multiply(rows, _pack(weights), None)
    except (AttributeError, RuntimeError, TypeError):  # these functions are no public interface of torch
        return False
    expected = torch.nn.functional.linear(rows, weights)
    return bool((product - expected).abs().max() <= MAX_DIFFERENCE * expected.abs().max())


def _pack(weights: torch.Tensor) -> torch.Tensor:
    import torch

    packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weights.detach().contiguous(), ROWS)
    return packed


def _multiply(rows: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    import torch

    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], "")
    return product


def _packed_layer(layer: torch.nn.Linear, *, keep: bool) -> torch.nn.Module:
    """Return a layer with the packed weights of another; with `keep` also with the weights themselves."""
    import torch

    class PackedLinear(torch.nn.Module):
        """A linear layer whose weights are packed."""

        def __init__(self) -> None:
            super().__init__()
            self.packed = _pack(layer.weight)
            self.weight = layer.weight if keep else None
            self.bias = layer.bias

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            """Return the product (…, outputs) with rows (…, inputs)."""
            return _multiply(rows, self.packed, self.bias)

    return PackedLinear()
