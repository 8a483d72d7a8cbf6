"""Events to merchants: their endpoints, signed deliveries, tries over three days, and sending again."""
