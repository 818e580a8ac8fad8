"""Black and white by every sampler, under the guidance that people use: measured, stored, and judged.

`docs/matrix.csv` is made by `python -m tests.matrix`: the trained pair's `fixed` is sampled by the double of the WebUI,
with the extension as a request gets it by default, and without it. `tests/live/test_matrix_on_host.py` holds some
of the cells against the real WebUI. `docs/matrix-others.csv` is of the samplers that only other WebUIs have, by
`python -m tests.matrix.elsewhere`.
"""
