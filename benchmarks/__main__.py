"""`python -m benchmarks` runs them all."""

from benchmarks.command import main

if __name__ == "__main__":
    main()
