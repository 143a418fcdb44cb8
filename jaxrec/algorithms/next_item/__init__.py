"""Next-item recommendation: sequence models over a catalogue, learned from what came next."""
