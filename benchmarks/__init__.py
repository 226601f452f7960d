"""Benchmarks of edgefer's own claims: each a ratio, measured side by side in one run.

python -m benchmarks             run all, write benchmarks/results, refresh the README's table
python -m benchmarks.pipeline    one of them
"""
