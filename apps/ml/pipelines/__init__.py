"""The DVC stages: one module each, wiring only.

Each stage has `main(paths)`, which reads params.yaml below `paths.root`, computes everything, and writes its outputs
last, so that a failed stage leaves nothing half-written. Stages run as `python -m apps.ml.pipelines.<stage>`.
"""
