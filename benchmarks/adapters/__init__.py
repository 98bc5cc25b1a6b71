"""Who is measured: one file each, with ``prepare(folder, framework, threads)`` and ``NAME``.

``prepare`` returns two functions, one for a table and one for one row of it, and what the answers were
made with, in words. A file here may import nothing of ours, for it runs in an environment of its own.
"""
