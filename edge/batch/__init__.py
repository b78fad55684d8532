r"""Batch: any number of inputs, one row for each, in order, on disk, whatever happens on the way.

    inputs -> work (in a pipeline of threads, or ray) -> rows -> ledger -> jsonl, csv or parquet
    (lists, archives)                                       \-> tally -> progress, summary, report

The ledger is a file of JSON lines that only ever grows; all other outputs are made from it.
"""
