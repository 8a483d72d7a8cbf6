"""Payment links: an address that a merchant sends to somebody, who pays there, once or as often as they like."""
