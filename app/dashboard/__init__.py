"""The dashboard: pages for the people of a merchant, over the same services and permissions as the API."""
