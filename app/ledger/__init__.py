"""The books: accounts, balanced entries that never change, balances, and the chain that shows tampering."""
