"""What happens to money: tries, authorisations, captures, failures and refunds, with the news of each."""
