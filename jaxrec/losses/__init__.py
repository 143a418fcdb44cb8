"""Parameter-free loss maths; the caller vmaps, weights and averages."""
