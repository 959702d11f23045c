"""Measurements of dripline against bare pika on the same broker; ``python -m benchmarks`` runs them."""
