"""What the processor pays to the merchant's bank: recorded, booked, and compared line by line with what is here."""
