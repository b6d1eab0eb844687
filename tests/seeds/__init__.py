"""The five documents this project implements: each program of theirs, re-written, with the outcome torch gives."""
