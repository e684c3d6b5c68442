"""Tallies: what is counted in plain numbers arrives in the metrics as if told at once."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from server.tallies import DurationTally, Tally, write_tallies

SECONDS = (0.0, 0.001, 0.0015, 0.002, 0.7, 1.0, 99.0)


def test_many_durations_make_the_same_histogram_as_one_by_one() -> None:
    expositions = []
    for tallied in (False, True):
        registry = CollectorRegistry()
        child = Histogram("h", "…", ["l"], buckets=(0.001, 0.002, 1), registry=registry).labels("a")
        observe = DurationTally(child).observe if tallied else child.observe
        for seconds in SECONDS:
            observe(seconds)
        write_tallies()
        write_tallies()
        lines = generate_latest(registry).decode().splitlines()
        expositions.append([line for line in lines if "created" not in line])
    assert expositions[0] == expositions[1]
    assert 'h_count{l="a"} 7.0' in expositions[0]


def test_a_counter_is_raised_by_what_was_counted_since_the_last_time() -> None:
    counter = Counter("c", "…", ["l"], registry=CollectorRegistry())
    tally = Tally(counter.labels("a"))
    tally.count += 2
    write_tallies()
    tally.count += 3
    write_tallies()
    write_tallies()
    assert counter.labels("a")._value.get() == 5
