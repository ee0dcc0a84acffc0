"""What `make bench` measures: each bench_*.py has a function `measure()` that returns figures by their name."""
