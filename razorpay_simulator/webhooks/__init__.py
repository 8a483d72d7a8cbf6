"""Events to merchants: what they contain, how they are signed, and how hard the simulator tries to deliver them."""
