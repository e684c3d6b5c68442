"""What a benchmark starts, drives and measures with: processes, load, processor time."""
