"""Lines of names and values, as `edgefer inspect` prints them."""

from __future__ import annotations

from edgefer.spec import ModelSpec


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
    """Names and values in two columns."""
    return "\n".join(f"  {name:<11}{value}" for name, value in pairs)
