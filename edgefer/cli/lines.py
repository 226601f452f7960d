"""Lines of names and values, as `edgefer inspect` prints them."""

from __future__ import annotations

import textwrap

from edgefer.spec import ModelSpec

WIDTH = 80


def spec_lines(spec: ModelSpec) -> str:
    """A model's description, after an empty line."""
    pre = spec.preprocessing
    planes = f" ({', '.join(pre.planes)})" if pre.planes else ""
    how = "five landmarks, or by the box where a detector has none" if pre.landmarks else "the box"
    return "\n" + lines(
        ("name", spec.name),
        ("labels", ", ".join(spec.labels)),
        ("input", f"{pre.width}x{pre.height}x{pre.channels} {pre.colour}{planes}, cut by {how}"),
        ("output", f"{spec.output}, temperature {spec.temperature:g}"),
        ("network", spec.network or "unknown"),
        ("recipe", spec.recipe or "unknown"),
        (
            "parameters",
            "unknown"
            if spec.parameters is None
            else f"{spec.parameters:,} as trained (an export that folds BatchNorm stores fewer)",
        ),
        ("MACs", "unknown" if spec.macs is None else f"{spec.macs / 1e6:,.1f} M a face"),
        ("accuracy", spec.accuracy or "unknown"),
    )


def lines(*pairs: tuple[str, str]) -> str:
    """Names and values in two columns, wrapped to 80 columns where the words allow it."""
    return "\n".join(_wrapped(name, value) for name, value in pairs)


def _wrapped(name: str, value: str) -> str:
    head = f"  {name:<11}"
    return textwrap.fill(
        value or "none",
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
