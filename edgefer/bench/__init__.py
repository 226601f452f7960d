"""The benchmark: `pipeline.run` over a replayed clip, and what was measured, honestly told."""
