"""The paper's ablation on the trained pair: what every switch does, in numbers and in pictures.

Only for development: it needs what `evidence/pair` needs.
"""
