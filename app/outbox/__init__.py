"""News and work to do, written in the transaction of the fact they follow from, and carried out afterwards."""
