"""Events from the processor: verified, stored once, answered at once, applied later."""
