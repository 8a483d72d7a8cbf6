"""Notices: e-mail and short messages to a merchant's team and to those who pay, each written down before it is sent."""
