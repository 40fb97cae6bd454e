"""The loss of a step: labels, smoothed if asked, and a teacher's answers."""

from __future__ import annotations

from typing import Final, Protocol

import torch
import torch.nn.functional as F

TEMPERATURE: Final = 2.0
"""At which teacher and student are compared."""


class Teacher(Protocol):
    """Anything that answers images (n, C, H, W) with logits (n, classes); a FoldedNetwork is one."""

    @property
    def version(self) -> str:
        """Names the teacher in a checkpoint."""
        ...

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of normalised images."""
        ...


def loss_of(
    logits: torch.Tensor,
    labels: torch.Tensor,
    smoothing: float = 0.0,
    taught: torch.Tensor | None = None,
    distillation: float = 0.0,
) -> torch.Tensor:
    """Cross entropy with the labels, mixed with the teacher's by Hinton et al. 2015 (arXiv 1503.02531, section 2).

    The teacher's part is the divergence from its answers at ``TEMPERATURE``, times the temperature's square so that
    gradients keep their size.
    """
    logits = logits.flatten(1).float()
    hard = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    if taught is None or not distillation:
        return hard
    soft = F.kl_div(
        F.log_softmax(logits / TEMPERATURE, 1),
        F.log_softmax(taught.flatten(1).float() / TEMPERATURE, 1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - distillation) * hard + distillation * TEMPERATURE**2 * soft
